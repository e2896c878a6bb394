package wal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func TestAppendSyncReplayReopen(t *testing.T) {
	dir := filepath.Join(scratch(t), "a", "log")
	l := mustOpen(t, dir, Options{SegmentBytes: 1000})
	id := l.ID()
	if l.First() != 1 || l.Last() != 0 || l.Durable() != 0 || l.Segments() != 1 || l.SizeBytes() != 0 {
		t.Fatalf("new log: first %d last %d durable %d segments %d bytes %d", l.First(), l.Last(), l.Durable(), l.Segments(), l.SizeBytes())
	}
	appendRun(t, l, 0, 100)
	wantRun(t, l, 0, 1, 100)
	if l.Durable() == l.Last() {
		t.Fatal("records are durable without a sync")
	}
	must(t, l.Sync())
	if l.Durable() != 100 {
		t.Fatalf("durable is %d after sync", l.Durable())
	}
	checkSizes(t, l)
	must(t, l.Close())

	l = mustOpen(t, dir, Options{SegmentBytes: 1000})
	if l.ID() != id || len(l.Repairs()) != 0 || l.Durable() != 100 {
		t.Fatalf("reopened: id %v (was %v), repairs %v, durable %d", l.ID(), id, l.Repairs(), l.Durable())
	}
	checkSizes(t, l)
	wantRun(t, l, 0, 1, 100)
	appendRun(t, l, 0, 50)
	wantRun(t, l, 0, 1, 150)
	must(t, l.Close())
}

// checkSizes compares what the log counts with what is in the directory.
func checkSizes(t *testing.T, l *Log) {
	t.Helper()
	total, segments := int64(0), segmentsOf(t, l.dir)
	for _, s := range segments {
		total += s.bytes
	}
	if l.SizeBytes() != total || l.Segments() != len(segments) {
		t.Fatalf("log counts %d bytes in %d segments, directory has %d in %d", l.SizeBytes(), l.Segments(), total, len(segments))
	}
	if tail := segments[len(segments)-1].bytes; l.tailSize != tail {
		t.Fatalf("log counts %d bytes in the last segment, file has %d", l.tailSize, tail)
	}
}

// TestSegmentsInStep pins the rule by which tidwall/wal begins segments, which
// Append relies on: a directory sync has to come between two segments.
func TestSegmentsInStep(t *testing.T) {
	for _, segmentBytes := range []int{1, 64, 65, 200, 1000, 1 << 20} {
		l := mustOpen(t, filepath.Join(scratch(t), "log"), Options{SegmentBytes: segmentBytes})
		for size := range 300 {
			_, err := l.Append(Record{1, make([]byte, size)}, Record{2, nil}, Record{3, make([]byte, 300-size)})
			must(t, err)
			checkSizes(t, l)
		}
		must(t, l.Close())
	}
}

func TestReopenWithOtherSegmentBytes(t *testing.T) {
	dir := filepath.Join(scratch(t), "log")
	last := uint64(0)
	for _, segmentBytes := range []int{4000, 100, 1, 1 << 20, 10} {
		l := mustOpen(t, dir, Options{SegmentBytes: segmentBytes})
		checkSizes(t, l)
		appendRun(t, l, 0, 20)
		last += 20
		checkSizes(t, l)
		wantRun(t, l, 0, 1, last)
		must(t, l.Close())
	}
}

func TestTrimFront(t *testing.T) {
	dir := filepath.Join(scratch(t), "log")
	opts := Options{SegmentBytes: 700}
	l := mustOpen(t, dir, opts)
	id := l.ID()
	appendRun(t, l, 0, 60)
	first := uint64(1)
	for _, keep := range []uint64{0, 1, 2, 5, 5, 3, 17, 40, 60} {
		must(t, l.TrimFront(keep))
		first = max(first, keep)
		checkSizes(t, l)
		wantRun(t, l, 0, first, 60)
		if l.Durable() != 60 && keep > 1 {
			t.Fatal("a trim must force what was appended")
		}
		must(t, l.Close())
		l = mustOpen(t, dir, opts)
		wantRun(t, l, 0, first, 60)
	}
	must(t, l.TrimFront(61))
	for range 3 {
		if l.First() != 61 || l.Last() != 60 || l.ID() != id || l.Segments() != 1 {
			t.Fatalf("emptied log: first %d, last %d, id %v", l.First(), l.Last(), l.ID())
		}
		must(t, l.Close())
		l = mustOpen(t, dir, opts)
	}
	appendRun(t, l, 0, 10)
	wantRun(t, l, 0, 61, 70)
	if err := l.TrimFront(72); !errors.Is(err, ErrRange) {
		t.Fatalf("trim beyond the end: %v", err)
	}
	must(t, l.Close())
}

func TestTrimEverySequence(t *testing.T) {
	dir := filepath.Join(scratch(t), "log")
	opts := Options{SegmentBytes: 500}
	fill(t, dir, opts, 30)
	full := take(t, dir)
	for keep := uint64(1); keep <= 31; keep++ {
		full.restore(t, dir)
		l := mustOpen(t, dir, opts)
		must(t, l.TrimFront(keep))
		appendRun(t, l, 0, 15)
		wantRun(t, l, 0, keep, 45)
		must(t, l.Close())
		l = mustOpen(t, dir, opts)
		wantRun(t, l, 0, keep, 45)
		must(t, l.Close())
	}
}

func TestReplay(t *testing.T) {
	l := mustOpen(t, filepath.Join(scratch(t), "log"), Options{SegmentBytes: 300})
	defer l.Close()
	appendRun(t, l, 0, 20)
	must(t, l.TrimFront(5))
	count := func(from uint64) (n int) {
		must(t, l.Replay(from, func(seq uint64, rec Record) error {
			// The data belongs to us, and the log may be used meanwhile.
			clear(rec.Data)
			n++
			return l.Sync()
		}))
		return n
	}
	for from, want := range map[uint64]int{0: 16, 3: 16, 5: 16, 6: 15, 20: 1, 21: 0} {
		if got := count(from); got != want {
			t.Errorf("replay from %d gave %d records, want %d", from, got, want)
		}
	}
	wantRun(t, l, 0, 5, 20)
	if err := l.Replay(22, nil); !errors.Is(err, ErrRange) {
		t.Errorf("replay beyond the end: %v", err)
	}
	stop := errors.New("stop")
	if err := l.Replay(0, func(uint64, Record) error { return stop }); err != stop {
		t.Errorf("error of fn came back as %v", err)
	}
	err := l.Replay(0, func(seq uint64, _ Record) error { return l.TrimFront(seq + 3) })
	if !errors.Is(err, ErrRange) {
		t.Errorf("record trimmed during a replay: %v", err)
	}
}

// TestDamageUnderOpenLog changes files while the log is open. tidwall/wal gives
// out what it finds, or panics.
func TestDamageUnderOpenLog(t *testing.T) {
	opts := Options{SegmentBytes: 500}
	dir := filepath.Join(scratch(t), "log")
	fill(t, dir, opts, 40)
	second := segmentsOf(t, dir)[1]
	path := filepath.Join(dir, second.name)
	good, err := os.ReadFile(path)
	must(t, err)
	flipped := bytes.Clone(good)
	flipped[70] ^= 1
	for what, bad := range map[string][]byte{"flipped": flipped, "cut": good[:len(good)/2], "empty": {}, "gone": nil} {
		must(t, os.WriteFile(path, good, 0o600))
		l := mustOpen(t, dir, opts)
		if must(t, os.WriteFile(path, bad, 0o600)); bad == nil {
			must(t, os.Remove(path))
		}
		_, err := contents(l)
		if bad == nil && !errors.Is(err, os.ErrNotExist) || bad != nil && err == nil {
			t.Errorf("%s: %v", what, err)
		}
		var damage *DamageError
		if what == "flipped" && (!errors.As(err, &damage) || damage.Segment != second.name || damage.Seq < second.first) {
			t.Errorf("%s: %v", what, err)
		}
		if l.Err() != nil {
			t.Errorf("%s: what cannot be read does not stop the writing: %v", what, l.Err())
		}
		must(t, l.Close())
	}
}

func TestRecordLimits(t *testing.T) {
	l := mustOpen(t, filepath.Join(scratch(t), "log"), Options{})
	defer l.Close()
	for _, bad := range []Record{{0, []byte("x")}, {1, make([]byte, MaxRecordBytes+1)}} {
		if _, err := l.Append(Record{1, nil}, bad); !errors.Is(err, ErrRecord) {
			t.Errorf("type %d with %d bytes: %v", bad.Type, len(bad.Data), err)
		}
	}
	first, err := l.Append()
	if err != nil || first != 1 || l.Last() != 0 || l.Err() != nil {
		t.Fatalf("append of nothing: %d %v, last %d, %v", first, err, l.Last(), l.Err())
	}
	_, err = l.Append(Record{255, nil}, Record{1, []byte{}}, Record{7, make([]byte, 9<<20)})
	must(t, err)
	if cap(l.frame) > keepBuffer {
		t.Error("a large record keeps its buffers")
	}
	all, err := contents(l)
	must(t, err)
	if all[1].Type != 255 || len(all[1].Data) != 0 || len(all[2].Data) != 0 || len(all[3].Data) != 9<<20 {
		t.Error("records differ")
	}
}

func TestClose(t *testing.T) {
	dir := filepath.Join(scratch(t), "log")
	l := mustOpen(t, dir, Options{})
	appendRun(t, l, 0, 3)
	must(t, l.Close())
	if l.Durable() != 3 {
		t.Error("close must force what was appended")
	}
	_, err := l.Append(Record{1, nil})
	for _, err := range []error{err, l.Sync(), l.TrimFront(1), l.Replay(0, nil), l.Close()} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("after close: %v", err)
		}
	}
	if l.Err() != nil {
		t.Errorf("a closed log is not poisoned: %v", l.Err())
	}
}

func TestOneOwner(t *testing.T) {
	dir := filepath.Join(scratch(t), "log")
	l := mustOpen(t, dir, Options{})
	for range 2 {
		if _, err := Open(dir, Options{}); !errors.Is(err, ErrLocked) {
			t.Fatalf("second open: %v", err)
		}
		if _, err := Mend(dir); !errors.Is(err, ErrLocked) {
			t.Fatalf("mend of an open log: %v", err)
		}
	}
	appendRun(t, l, 0, 3)
	must(t, l.Close())
	l = mustOpen(t, dir, Options{})
	wantRun(t, l, 0, 1, 3)
	must(t, l.Close())
}

func TestPermissions(t *testing.T) {
	dir := filepath.Join(scratch(t), "log")
	l := mustOpen(t, dir, Options{SegmentBytes: 100, ReserveBytes: 1000})
	defer l.Close()
	appendRun(t, l, 0, 5)
	must(t, l.TrimFront(4))
	info, err := os.Stat(dir)
	must(t, err)
	if info.Mode().Perm() != 0o700 {
		t.Errorf("directory has mode %v", info.Mode())
	}
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		info, err := e.Info()
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{{SegmentBytes: -1}, {SegmentBytes: maxSegmentBytes + 1}, {ReserveBytes: -1}, {FloorBytes: -1}} {
		if l, err := Open(filepath.Join(scratch(t), "log"), o); err == nil {
			l.Close()
			t.Errorf("%+v was accepted", o)
		}
	}
}

// TestConcurrentUse is for the race detector, and for readers that run while
// segments begin and vanish.
func TestConcurrentUse(t *testing.T) {
	l := mustOpen(t, filepath.Join(scratch(t), "log"), Options{SegmentBytes: 2000})
	defer l.Close()
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		writers.Go(func() {
			for i := range 100 {
				if _, err := l.Append(Record{1, make([]byte, i)}); err != nil {
					t.Error(err)
				}
				if err := l.Sync(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := l.Replay(0, func(uint64, Record) error { return nil }); err != nil && !errors.Is(err, ErrRange) {
					t.Error(err)
				}
				if l.Durable() > l.Last() || l.Err() != nil || l.Segments() < 1 || l.SizeBytes() < 0 {
					t.Error("impossible state")
				}
			}
		})
	}
	readers.Go(func() {
		for l.Last() < 400 {
			if err := l.TrimFront(l.Last() / 2); err != nil {
				t.Error(err)
			}
		}
	})
	writers.Wait()
	close(done)
	readers.Wait()
	if l.Last() != 400 || l.Durable() != 400 {
		t.Errorf("last %d, durable %d", l.Last(), l.Durable())
	}
}
