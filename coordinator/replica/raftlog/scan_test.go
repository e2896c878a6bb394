package raftlog

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/wal"
)

// scanned lists the terms of what Scan hands out, and the first index.
func scanned(t *testing.T, dir string) (first uint64, terms []uint64, s Survey, err error) {
	t.Helper()
	s, err = Scan(dir, func(e *raft.Log) error {
		if first == 0 {
			first = e.Index
		}
		if terms = append(terms, e.Term); !same(e, entry(e.Index, e.Term)) || e.Index != first+uint64(len(terms))-1 {
			t.Fatalf("entry %d of term %d differs", e.Index, e.Term)
		}
		return nil
	})
	return first, terms, s, err
}

func TestScan(t *testing.T) {
	dir := filepath.Join(scratch(t), "log")
	l := mustOpen(t, dir, small())
	must(t, l.StoreLogs(entries(1, 30, 1)))
	must(t, l.StoreLogs(entries(21, 25, 2)))
	must(t, l.DeleteRange(24, 25))
	must(t, l.StoreLogs(entries(24, 24, 3)))
	must(t, l.Close())
	before := take(t, dir)
	first, terms, s, err := scanned(t, dir)
	must(t, err)
	if first != 1 || s.FirstIndex != 1 || s.LastIndex != 24 || len(terms) != 24 || terms[22] != 2 || terms[23] != 3 {
		t.Errorf("from %d on: %v, %+v", first, terms, s)
	}
	if s.EntryBytes != l.Bytes() || s.Problems != 0 {
		t.Errorf("%d bytes of %d, %d problems", s.EntryBytes, l.Bytes(), s.Problems)
	}
	if !maps.EqualFunc(before, take(t, dir), func(a, b []byte) bool { return string(a) == string(b) }) {
		t.Error("the scan changed something")
	}
	stop := errors.New("stop")
	if _, err := Scan(dir, func(*raft.Log) error { return stop }); err != stop {
		t.Errorf("error of visit came back as %v", err)
	}
}

func TestScanOfNothing(t *testing.T) {
	dir := filepath.Join(scratch(t), "log")
	l := mustOpen(t, dir, small())
	must(t, l.Close())
	if _, terms, s, err := scanned(t, dir); err != nil || len(terms) != 0 || s.LastIndex != 0 {
		t.Errorf("%v, %v, %+v", err, terms, s)
	}
	files{}.restore(t, dir)
	if _, terms, s, err := scanned(t, dir); err != nil || len(terms) != 0 || !s.New {
		t.Errorf("%v, %v, %+v", err, terms, s)
	}
}

// TestScanOfDamage flips a byte in the middle: the scan gives the error of Open,
// and all that stands before.
func TestScanOfDamage(t *testing.T) {
	dir := filepath.Join(scratch(t), "log")
	l := mustOpen(t, dir, Options{})
	must(t, l.StoreLogs(entries(1, 30, 1)))
	must(t, l.Close())
	name := take(t, dir).tail()
	full := take(t, dir)
	for at, want := 0, -1; at < len(full[name]); at += 97 {
		bad := maps.Clone(full)
		bad[name] = append([]byte{}, full[name]...)
		bad[name][at] ^= 1
		bad.restore(t, dir)
		_, terms, _, err := scanned(t, dir)
		if wantErr(t, err, wal.ErrDamaged); len(terms) < want || len(terms) >= 30 {
			t.Fatalf("%d entries before byte %d, %d before an earlier one", len(terms), at, want)
		}
		want = len(terms)
		_, err = Open(dir, Options{})
		wantErr(t, err, wal.ErrDamaged)
	}
	full[name] = append(full[name], 90, 0x8d) // a torn frame, which Open cuts
	full.restore(t, dir)
	if _, terms, s, err := scanned(t, dir); err != nil || len(terms) != 30 || s.Problems == 0 {
		t.Errorf("%v, %d entries", err, len(terms))
	}
}

// TestScanOfAnUnfinishedTrim: the front of the log is in a copy only, and is
// handed out as Open would hand it out.
func TestScanOfAnUnfinishedTrim(t *testing.T) {
	dir := filepath.Join(scratch(t), "log")
	l := mustOpen(t, dir, small())
	must(t, l.StoreLogs(entries(1, 60, 1)))
	must(t, l.DeleteRange(1, 20))
	must(t, l.Close())
	all := take(t, dir)
	front := all.head()
	all[front+".START"] = all[front]
	delete(all, front)
	all.restore(t, dir)
	for _, mended := range []bool{false, true} {
		if first, terms, s, err := scanned(t, dir); err != nil || first != 21 || len(terms) != 40 || len(s.Repairs) > 0 == mended {
			t.Errorf("%v: %d entries from %d on, repairs %v", err, len(terms), first, s.Repairs)
		}
		_, err := wal.Mend(dir)
		must(t, err)
	}
}

// TestScanOfAVanishingLog: a log that loses a file during the scan is not taken
// for a shorter one.
func TestScanOfAVanishingLog(t *testing.T) {
	dir := filepath.Join(scratch(t), "log")
	l := mustOpen(t, dir, small())
	must(t, l.StoreLogs(entries(1, 60, 1)))
	must(t, l.Close())
	tail := filepath.Join(dir, take(t, dir).tail())
	handed := 0
	_, err := Scan(dir, func(*raft.Log) error {
		if handed++; handed == 1 {
			return os.Remove(tail)
		}
		return nil
	})
	if !errors.Is(err, fs.ErrNotExist) || handed == 0 || handed >= 60 {
		t.Errorf("%d entries, %v", handed, err)
	}
}
