package wal

import (
	"testing"
	"time"
)

// TestFsyncsAreCounted: one for a sync of several records, none for a sync of
// nothing, two for a new segment, three for a trim.
func TestFsyncsAreCounted(t *testing.T) {
	told := 0
	l := mustOpen(t, scratch(t), Options{SegmentBytes: 1000, Forced: func(took time.Duration) {
		if told++; took <= 0 {
			t.Errorf("a force took %v", took)
		}
	}})
	last := l.Fsyncs()
	want := func(n int64, what string) {
		t.Helper()
		if now := l.Fsyncs(); now-last != n {
			t.Errorf("%s: %d fsyncs, want %d", what, now-last, n)
		}
		last = l.Fsyncs()
	}
	appendRun(t, l, 0, 3)
	want(0, "records that are not forced")
	must(t, l.Sync())
	want(1, "a sync of three records")
	must(t, l.Sync())
	want(0, "a sync of nothing")
	if told != 1 {
		t.Errorf("told of %d forces, want 1", told)
	}
	for l.Segments() == 1 {
		appendRun(t, l, 0, 1)
	}
	want(2, "a new segment")
	must(t, l.TrimFront(l.Last()))
	want(3, "a trim")
	must(t, l.Close())
	want(1, "the end, of which the mark alone is left")
}
