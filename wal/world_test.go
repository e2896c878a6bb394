package wal

import "testing"

// world is a log directory and what is known about it over the lives of
// several children.
type world struct {
	history
	dir  string
	opts Options
}

func newWorld(dir string, segmentBytes int) *world {
	return &world{history{1, map[uint64]Record{}, 0}, dir, Options{SegmentBytes: segmentBytes}}
}

// learn adds what a child reported, and what it may have written without
// knowing whether it is there: less than two rounds.
func (w *world) learn(j job, r report) {
	if !r.isOpened {
		return // then it wrote no record
	}
	w.acked = max(w.acked, r.acked)
	w.first = max(w.first, r.trimmed)
	for seq := r.opened + 1; seq <= max(w.acked, r.opened)+6; seq++ {
		w.records[seq] = j.record(seq)
	}
}

// settle opens the log, holds it to what is known, and takes what it finds for
// the truth from then on: it is durable now, so nothing of it may change. It
// returns the number of repairs.
func (w *world) settle(t *testing.T) int {
	t.Helper()
	l, err := Open(w.dir, w.opts)
	must(t, err)
	defer l.Close()
	if l.First() > w.first || l.Last() < w.acked {
		t.Fatalf("log holds %d to %d, but %d to %d were acknowledged (%v)", l.First(), l.Last(), w.first, w.acked, l.Repairs())
	}
	w.compare(t, l, l.First(), l.Last())
	for seq := range w.records {
		if seq > l.Last() {
			delete(w.records, seq)
		}
	}
	w.acked, w.first = l.Last(), l.First()
	return len(l.Repairs())
}

// times is how often a test does something.
func times(short, longer int) int {
	switch {
	case long:
		return longer
	case underRace:
		return max(1, short/4)
	}
	return short
}

// stride is the distance between the cases of a test that takes a sample.
func stride(short int) int {
	switch {
	case long:
		return 1
	case underRace:
		return 4 * short
	}
	return short
}
