package raftlog

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hashicorp/raft"
)

// TestCrashInTheMiddle cuts what an operation writes at every byte, with the
// mark as it was before: what is left is what was before, or a front of what
// the operation does.
func TestCrashInTheMiddle(t *testing.T) {
	base := []uint64{1, 1, 1, 1, 1} // terms from index 3 on
	for _, op := range []struct {
		name string
		do   func(l *Log) error
		may  [][]uint64
	}{
		{"append", func(l *Log) error { return l.StoreLogs(entries(8, 10, 2)) },
			[][]uint64{base, {1, 1, 1, 1, 1, 2}, {1, 1, 1, 1, 1, 2, 2}, {1, 1, 1, 1, 1, 2, 2, 2}}},
		{"replace", func(l *Log) error { return l.StoreLogs(entries(5, 7, 2)) },
			[][]uint64{base, {1, 1, 2}, {1, 1, 2, 2}, {1, 1, 2, 2, 2}}},
		{"remove the back", func(l *Log) error { return l.DeleteRange(5, 7) },
			[][]uint64{base, {1, 1}}},
	} {
		t.Run(op.name, func(t *testing.T) {
			dir := filepath.Join(scratch(t), "log")
			l := mustOpen(t, dir, Options{})
			must(t, l.StoreLogs(entries(3, 7, 1)))
			before := take(t, dir)
			must(t, op.do(l))
			after := take(t, dir)
			must(t, l.Close())
			name := before.tail()
			seen := map[string]bool{}
			for n := len(before[name]); n <= len(after[name]); n++ {
				crashed := files{}
				for f, data := range before {
					crashed[f] = data
				}
				crashed[name] = after[name][:n]
				crashed.restore(t, dir)
				l := mustOpen(t, dir, Options{})
				seen[whichOf(t, l, op.may)] = true
				_, last := l.table.bounds()
				must(t, l.StoreLog(entry(last+1, 9))) // and it goes on from there
				must(t, l.Close())
			}
			if len(seen) != len(op.may) {
				t.Errorf("%d of %d possible ends were seen: %v", len(seen), len(op.may), seen)
			}
		})
	}
}

// whichOf tells which of some contents the log has, from index 3 on.
func whichOf(t *testing.T, l *Log, may [][]uint64) string {
	t.Helper()
	var terms []uint64
	_, last := l.table.bounds()
	for index := uint64(3); index <= last; index++ {
		var e raft.Log
		must(t, l.GetLog(index, &e))
		terms = append(terms, e.Term)
	}
	if !slices.ContainsFunc(may, func(want []uint64) bool { return slices.Equal(want, terms) }) {
		t.Fatalf("the log has terms %v, which is none of %v", terms, may)
	}
	wantEntries(t, l, 3, terms...)
	return fmt.Sprint(terms)
}

// TestCrashInTrim stops the removal of the front, and of everything, between
// the floor and the files: the next start has the log as it was, or as it was
// to be.
func TestCrashInTrim(t *testing.T) {
	dir := filepath.Join(scratch(t), "log")
	l := mustOpen(t, dir, small())
	must(t, l.StoreLogs(entries(1, 60, 1)))
	before := take(t, dir)
	must(t, l.DeleteRange(1, 60))
	after := take(t, dir)
	must(t, l.Close())
	before["META"] = after["META"]
	before.restore(t, dir)
	l = mustOpen(t, dir, small())
	wantEntries(t, l, 1, repeat(1, 60)...)
	if removed, err := l.Align(100, 7); !removed || err != nil {
		t.Fatalf("removed: %v, %v", removed, err)
	}
	must(t, l.StoreLogs(entries(101, 103, 7)))
	must(t, l.Close())
	l = mustOpen(t, dir, small())
	defer l.Close()
	wantEntries(t, l, 101, repeat(7, 3)...)
}
