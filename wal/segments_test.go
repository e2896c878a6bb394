package wal

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestSegmentsMisplaced takes away, doubles, exchanges and replaces whole
// segment files, with the mark and without it.
func TestSegmentsMisplaced(t *testing.T) {
	opts := Options{SegmentBytes: 500}
	s, h := unsynced(t, opts, 30, 30)
	other, _ := unsynced(t, opts, 30, 30)
	dir := filepath.Join(scratch(t), "log")
	s.restore(t, dir)
	files := segmentsOf(t, dir)
	count, unmarked := tally{}, tally{}
	try := func(what string, change func(s snapshot)) {
		t.Helper()
		changed := maps.Clone(s)
		change(changed)
		changed.restore(t, dir)
		got := h.check(t, dir, opts)
		if count[got]++; got != refused {
			t.Errorf("%s: %s", what, got)
		}
		// Without a mark, what ends cleanly cannot be told from the end; but
		// nothing else may come of it.
		delete(changed, markName)
		changed.restore(t, dir)
		weaker := h
		weaker.acked = 0
		unmarked[weaker.check(t, dir, opts)]++
	}
	for i, a := range files {
		try("missing "+a.name, func(s snapshot) { delete(s, a.name) })
		try("missing from "+a.name, func(s snapshot) {
			for _, b := range files[i:] {
				delete(s, b.name)
			}
		})
		try("missing up to "+a.name, func(s snapshot) {
			for _, b := range files[:i+1] {
				delete(s, b.name)
			}
		})
		try("empty "+a.name, func(s snapshot) { s[a.name] = nil })
		try("foreign "+a.name, func(s snapshot) { s[a.name] = other[a.name] })
		try("renamed by one "+a.name, func(s snapshot) {
			s[segmentName(a.first+1)] = s[a.name]
			delete(s, a.name)
		})
		try("doubled under another name "+a.name, func(s snapshot) { s[segmentName(a.first+1)] = s[a.name] })
		try("twice its content "+a.name, func(s snapshot) { s[a.name] = append(s[a.name][:len(s[a.name]):len(s[a.name])], s[a.name]...) })
		for _, b := range files[i+1:] {
			try("swapped "+a.name, func(s snapshot) { s[a.name], s[b.name] = s[b.name], s[a.name] })
			try("copied over "+b.name, func(s snapshot) { s[b.name] = s[a.name] })
		}
	}
	try("META gone", func(s snapshot) { delete(s, metaName) })
	try("META of another log", func(s snapshot) { s[metaName] = other[metaName] })
	try("META is MARK", func(s snapshot) { s[metaName] = s[markName] })
	try("META empty", func(s snapshot) { s[metaName] = nil })
	try("only META left", func(s snapshot) {
		for name := range s {
			if name != metaName {
				delete(s, name)
			}
		}
	})
	count.report(t, "segments misplaced")
	unmarked.report(t, "segments misplaced, mark lost")
}

// TestSegmentsOfOtherKinds: what has the name of a segment is one, or damage.
func TestSegmentsOfOtherKinds(t *testing.T) {
	s, h := unsynced(t, Options{}, 5, 5)
	dir := filepath.Join(scratch(t), "log")
	path := filepath.Join(dir, segmentName(1))
	for what, replace := range map[string]func() error{
		"link":      func() error { return os.Symlink(filepath.Join("..", "elsewhere"), path) },
		"directory": func() error { return os.Mkdir(path, 0o700) },
		"pipe":      func() error { return syscall.Mkfifo(path, 0o600) },
	} {
		s.restore(t, dir)
		must(t, os.WriteFile(filepath.Join(dir, "..", "elsewhere"), s[segmentName(1)], 0o600))
		must(t, os.Remove(path))
		must(t, replace())
		if _, err := Open(dir, Options{}); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
	s.restore(t, dir)
	if h.check(t, dir, Options{}) != whole {
		t.Error("log is gone")
	}
}

// TestNothingButTheMark: even then it is plain that there was a log.
func TestNothingButTheMark(t *testing.T) {
	s, h := unsynced(t, Options{}, 5, 5)
	dir := filepath.Join(scratch(t), "log")
	snapshot{markName: s[markName]}.restore(t, dir)
	if got := h.check(t, dir, Options{}); got != refused {
		t.Error(got)
	}
}

// TestMarkOfAnotherLog must not count, in either direction.
func TestMarkOfAnotherLog(t *testing.T) {
	opts := Options{SegmentBytes: 500}
	s, h := unsynced(t, opts, 10, 10)
	other, _ := unsynced(t, opts, 30, 30)
	s[markName] = other[markName]
	dir := filepath.Join(scratch(t), "log")
	s.restore(t, dir)
	l := mustOpen(t, dir, opts)
	if rs := l.Repairs(); len(rs) != 1 || rs[0].Kind != RenewedMark {
		t.Errorf("repairs %v", rs)
	}
	must(t, l.Close())
	if h.check(t, dir, opts) != whole {
		t.Error("log is gone")
	}
}

// TestTrimmedLogMissesItsFront: that a log begins later than at 1 must not
// hide that more is gone than was trimmed.
func TestTrimmedLogMissesItsFront(t *testing.T) {
	opts := Options{SegmentBytes: 500}
	dir := filepath.Join(scratch(t), "log")
	fill(t, dir, opts, 30)
	l := mustOpen(t, dir, opts)
	must(t, l.TrimFront(7))
	must(t, l.Close())
	s, h := take(t, dir), historyOf(30, 30)
	h.first = 7
	files := segmentsOf(t, dir)
	count := tally{}
	for i := range files {
		s.restore(t, dir)
		for _, gone := range files[:i] {
			delete(s, gone.name)
		}
		s.restore(t, dir)
		got := h.check(t, dir, opts)
		if count[got]++; (got == whole) != (i == 0) {
			t.Errorf("%d files gone: %s", i, got)
		}
	}
	count.report(t, "front missing after a trim")
}

// TestEmptiedLogMissesItsSegment: nothing but a file name tells the next
// sequence of an empty log, so without the file there is no log.
func TestEmptiedLogMissesItsSegment(t *testing.T) {
	opts := Options{SegmentBytes: 500}
	dir := filepath.Join(scratch(t), "log")
	fill(t, dir, opts, 30)
	l := mustOpen(t, dir, opts)
	must(t, l.TrimFront(31))
	must(t, l.Close())
	s, h := take(t, dir), historyOf(30, 30)
	h.first = 31
	for name, want := range map[string]outcome{
		"": whole, segmentName(31): refused, metaName: refused, markName: whole,
	} {
		changed := maps.Clone(s)
		delete(changed, name)
		changed.restore(t, dir)
		if got := h.check(t, dir, opts); got != want {
			t.Errorf("without %q: %s", name, got)
		}
	}
}
