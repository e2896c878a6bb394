package raftlog

import "testing"

func TestAlign(t *testing.T) {
	for _, test := range []struct {
		name        string
		first, last uint64 // of term 3; 0 if the log is empty
		index, term uint64 // of the snapshot
		removed     bool
		err         error
	}{
		{"nothing at all", 0, 0, 0, 0, false, nil},
		{"no snapshot", 1, 9, 0, 0, false, nil},
		{"no snapshot, and the front is lost", 2, 9, 0, 0, false, ErrDamaged},
		{"empty log", 0, 0, 50, 3, false, nil},
		{"snapshot inside", 10, 20, 15, 3, false, nil},
		{"snapshot of the last", 10, 20, 20, 3, false, nil},
		{"right behind", 10, 20, 9, 3, false, nil},
		{"entries in between are lost", 10, 20, 8, 3, false, ErrDamaged},
		{"log ends before", 10, 20, 21, 3, true, nil},
		{"another term inside", 10, 20, 15, 4, true, nil},
		{"another term at the end", 10, 20, 20, 2, true, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := scratch(t)
			l := mustOpen(t, dir, Options{})
			if test.last > 0 {
				must(t, l.StoreLogs(entries(test.first, test.last, 3)))
			}
			removed, err := l.Align(test.index, test.term)
			if wantErr(t, err, test.err); removed != test.removed {
				t.Fatalf("removed: %v", removed)
			}
			must(t, l.Close())
			l = mustOpen(t, dir, Options{})
			defer l.Close()
			if test.removed {
				wantEntries(t, l, 0)
				must(t, l.StoreLogs(entries(test.index+1, test.index+2, 9)))
			} else {
				wantBounds(t, l, test.first, test.last)
			}
		})
	}
}
