package wal

import (
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// disk plays a disk that loses what was not synced. It follows the promises in
// the package documentation: what was synced stays; of the sectors written
// after that, each is there or not, whatever the others are.
type disk struct {
	rng    *rand.Rand
	synced map[string]int        // bytes of each segment that are safe
	marks  [2][][slotStride]byte // all that each slot of the mark ever held
}

// note takes down what is safe now: all segments but the last, and of the last
// what the log says is durable.
func (d *disk) note(t *testing.T, l *Log) {
	t.Helper()
	d.synced = map[string]int{}
	for _, s := range segmentsOf(t, l.dir) {
		data, err := os.ReadFile(filepath.Join(l.dir, s.name))
		must(t, err)
		safe := 0
		for seq := s.first; seq <= l.Durable() && safe < len(data); seq++ {
			_, _, size, err := decodeEntry(data[safe:])
			must(t, err)
			safe += size
		}
		d.synced[s.name] = safe
	}
	mark, err := os.ReadFile(filepath.Join(l.dir, markName))
	must(t, err)
	for i := range d.marks {
		d.marks[i] = append(d.marks[i], [slotStride]byte(mark[i*slotStride:]))
	}
}

// fail turns a directory into what a power failure leaves of it.
func (d *disk) fail(s snapshot) snapshot {
	left := maps.Clone(s)
	tail := slices.Max(slices.Collect(maps.Keys(d.synced)))
	left[tail] = d.tear(s[tail], d.synced[tail])
	left[markName] = nil
	for i := range d.marks {
		old := d.marks[i][d.rng.IntN(len(d.marks[i]))]
		left[markName] = append(left[markName], old[:]...)
	}
	if d.rng.IntN(8) == 0 {
		delete(left, markName)
	}
	return left
}

// tear spoils a file behind its safe part.
func (d *disk) tear(data []byte, safe int) []byte {
	data = slices.Clone(data)
	switch d.rng.IntN(4) {
	case 0: // its size did not reach the disk
		return data[:safe+d.rng.IntN(len(data)-safe+1)]
	case 1: // its size did, and more than that: the file system extends ahead
		data = append(data, make([]byte, d.rng.IntN(3*sector))...)
	}
	for at := safe; at < len(data); {
		end := min((at/sector+1)*sector, len(data))
		if d.rng.IntN(3) == 0 {
			clear(data[at:end])
		}
		at = end
	}
	return data
}

// TestPowerFailures lets the power fail at random moments, over and over on
// the same log. Whatever is left, the log opens, for none of this is damage.
func TestPowerFailures(t *testing.T) {
	rng := rand.New(rand.NewPCG(10, 11))
	base := scratch(t)
	w := newWorld(filepath.Join(base, "log"), 5000)
	failures, repairs, kept := times(400, 20000), 0, 0
	for run := range failures {
		l := mustOpen(t, w.dir, w.opts)
		d := &disk{rng: rng}
		d.note(t, l)
		for range rng.IntN(30) {
			step(t, w, l, uint32(run), rng)
			d.note(t, l)
		}
		left := d.fail(take(t, w.dir))
		w.acked, w.first = l.Durable(), l.First()
		before := w.acked
		must(t, l.releaseFiles())
		left.restore(t, w.dir)
		repairs += w.settle(t)
		kept += int(w.acked - before)
	}
	t.Logf("%d power failures, %d repairs, %d records survived without a sync", failures, repairs, kept)
}

// step does one thing to the log.
func step(t *testing.T, w *world, l *Log, run uint32, rng *rand.Rand) {
	t.Helper()
	switch rng.IntN(12) {
	case 0:
		must(t, l.TrimFront(l.First()+rng.Uint64N(l.Last()+2-l.First())))
	case 1, 2:
		must(t, l.Sync())
	default:
		var recs []Record
		for range 1 + rng.IntN(4) {
			seq := l.Last() + 1 + uint64(len(recs))
			recs = append(recs, payload(run, seq, 12+rng.IntN(900)))
			w.records[seq] = recs[len(recs)-1]
		}
		_, err := l.Append(recs...)
		must(t, err)
	}
}

// TestUnforcedRecordsAreWrittenAgain: after a sync that failed, the kernel
// takes pages for clean that are not on the disk. So Open writes all that is
// above the mark once more, and leaves alone what is not.
func TestUnforcedRecordsAreWrittenAgain(t *testing.T) {
	for acked, again := range map[uint64]bool{10: false, 9: true, 1: true} {
		s, h := unsynced(t, Options{}, 10, acked)
		dir := filepath.Join(scratch(t), "log")
		s.restore(t, dir)
		path := filepath.Join(dir, segmentName(1))
		past := time.Now().Add(-time.Hour)
		must(t, os.Chtimes(path, past, past))
		l := mustOpen(t, dir, Options{})
		info, err := os.Stat(path)
		must(t, err)
		if written := !info.ModTime().Equal(past.Truncate(0)) && time.Since(info.ModTime()) < time.Minute; written != again {
			t.Errorf("%d of 10 acknowledged: written again is %v", acked, written)
		}
		wantRun(t, l, 0, 1, 10)
		must(t, l.Close())
		if h.check(t, dir, Options{}) != whole {
			t.Error("log is gone")
		}
	}
}
