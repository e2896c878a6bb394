package wal

import (
	"errors"
	"path/filepath"
	"testing"
)

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
