package wal

import (
	"errors"
	"path/filepath"
	"testing"
)

// TestCreationInterrupted opens directories in which a creation ended early.
func TestCreationInterrupted(t *testing.T) {
	dir := filepath.Join(scratch(t), "log")
	fill(t, dir, Options{}, 0)
	s := take(t, dir)
	one := segmentName(1)
	zeroMark := append([]byte{}, s[markName]...)
	for i, state := range []snapshot{
		{},
		{lockName: nil},
		{one: nil},
		{one: nil, markName + tempSuffix: s[markName][:100]},
		{one: nil, markName: zeroMark},
		{one: nil, markName: nil},
		{markName: zeroMark},
		{one: nil, markName: zeroMark, metaName + tempSuffix: s[metaName]},
		{one: nil, markName: zeroMark, metaName: s[metaName]},
	} {
		state.restore(t, dir)
		l := mustOpen(t, dir, Options{})
		if len(l.Repairs()) != 0 || l.Last() != 0 {
			t.Errorf("state %d: last %d, repairs %v", i, l.Last(), l.Repairs())
		}
		appendRun(t, l, 0, 3)
		must(t, l.Close())
		l = mustOpen(t, dir, Options{})
		wantRun(t, l, 0, 1, 3)
		must(t, l.Close())
		checkTidy(t, dir)
	}
}

// TestNoIdentity: where there are records or traces of them, a log without its
// identity is not a new log.
func TestNoIdentity(t *testing.T) {
	s, _ := unsynced(t, Options{}, 3, 3)
	one := segmentName(1)
	dir := filepath.Join(scratch(t), "log")
	for i, state := range []snapshot{
		{one: s[one]},
		{one: []byte{0}},
		{segmentName(4): nil},
		{one: nil, segmentName(2): nil},
		{one: nil, markName: s[markName]},
		{one: nil, metaName: nil},
		{one: nil, one + startSuffix: nil},
		{one: nil, one + endSuffix: nil},
		{one: nil, brokenPrefix + one + "-1": s[one]},
	} {
		state.restore(t, dir)
		if _, err := Open(dir, Options{}); !errors.Is(err, ErrDamaged) {
			t.Errorf("state %d: %v", i, err)
		}
		if !state.equal(t, dir) {
			t.Errorf("state %d: a refused open changed something", i)
		}
	}
}
