package wal

import (
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
