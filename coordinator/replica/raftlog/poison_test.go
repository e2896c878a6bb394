package raftlog

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/wal"
)

func wantPoisoned(t *testing.T, l *Log) {
	t.Helper()
	select {
	case <-l.Failed():
	default:
		t.Fatal("Failed is open")
	}
	_, aligned := l.Align(1, 1)
	for _, err := range []error{l.Err(), l.StoreLog(entry(1000, 1)), l.DeleteRange(1, 1), aligned} {
		wantErr(t, err, ErrPoisoned)
	}
}

// TestWriteFailure takes the directory away, so that no segment can be begun.
func TestWriteFailure(t *testing.T) {
	dir := filepath.Join(scratch(t), "log")
	opts := small()
	opts.CacheBytes = 1000
	l := mustOpen(t, dir, opts)
	must(t, l.StoreLogs(entries(1, 30, 1)))
	last := uint64(30)
	must(t, os.Rename(dir, dir+".away"))
	for l.Err() == nil && last < 100 {
		if err := l.StoreLog(entry(last+1, 1)); err == nil {
			last++
		} else {
			wantErr(t, err, ErrPoisoned)
		}
	}
	wantPoisoned(t, l)
	wantBounds(t, l, 1, last)
	var e raft.Log
	must(t, l.GetLog(last, &e)) // durable, and in memory
	wantErr(t, l.GetLog(1, &e), ErrPoisoned)
	wantErr(t, l.GetLog(last+1, &e), raft.ErrLogNotFound)
	wantErr(t, l.Close(), wal.ErrPoisoned)
	wantErr(t, l.Close(), ErrClosed)
	l = mustOpen(t, dir+".away", opts)
	defer l.Close()
	if got, _ := l.LastIndex(); got < last {
		t.Errorf("%d entries were acknowledged, %d are left", last, got)
	}
}

// TestRemovalOfAllFails: raft goes on as if it had not, so the log must not.
func TestRemovalOfAllFails(t *testing.T) {
	dir := filepath.Join(scratch(t), "log")
	l := mustOpen(t, dir, small())
	must(t, l.StoreLogs(entries(1, 30, 1)))
	must(t, os.Rename(dir, dir+".away"))
	wantErr(t, l.DeleteRange(1, 30), ErrPoisoned)
	wantPoisoned(t, l)
	must(t, l.Close()) // the wal was not touched
}

// TestReadFailure damages an entry under the open log.
func TestReadFailure(t *testing.T) {
	dir := scratch(t)
	opts := small()
	opts.CacheBytes = 1
	l := mustOpen(t, dir, opts)
	must(t, l.StoreLogs(entries(1, 60, 1)))
	must(t, l.Close())
	l = mustOpen(t, dir, opts)
	must(t, l.DeleteRange(60, 60)) // so that the segment is not the one in memory
	must(t, os.WriteFile(filepath.Join(dir, "00000000000000000001"), []byte("nonsense"), 0o600))
	var e raft.Log
	wantErr(t, l.GetLog(1, &e), ErrPoisoned)
	wantPoisoned(t, l)
	wantErr(t, l.GetLog(59, &e), ErrPoisoned)
	must(t, l.Close()) // the wal itself is well
	if _, err := Open(dir, opts); err == nil {
		t.Error("a damaged log opens")
	}
}

func TestClosed(t *testing.T) {
	l := mustOpen(t, scratch(t), small())
	must(t, l.StoreLog(entry(1, 1)))
	must(t, l.Close())
	_, aligned := l.Align(1, 1)
	for _, err := range []error{l.Close(), l.StoreLog(entry(2, 1)), l.DeleteRange(1, 1), aligned} {
		wantErr(t, err, ErrClosed)
	}
	must(t, l.Err())
}

func TestOpenRefusals(t *testing.T) {
	dir := scratch(t)
	if _, err := Open(dir, Options{CacheBytes: -1}); err == nil {
		t.Error("a negative cache was taken")
	}
	l := mustOpen(t, dir, Options{})
	_, err := Open(dir, Options{})
	wantErr(t, err, wal.ErrLocked)
	must(t, l.Close())
	for name, records := range map[string][]wal.Record{
		"a type of another log":    {{Type: 19, Data: []byte("x")}},
		"a short entry":            {{Type: entryRecord, Data: []byte("x")}},
		"a gap":                    {record(entry(1, 1)), record(entry(3, 1))},
		"an entry below the front": {record(entry(5, 1)), record(entry(4, 1))},
		"a cut of nothing":         {{Type: cutRecord, Data: encodeCut(1)}},
		"a cut of everything":      {record(entry(5, 1)), {Type: cutRecord, Data: encodeCut(5)}},
		"a cut behind the end":     {record(entry(5, 1)), {Type: cutRecord, Data: encodeCut(6)}},
		"a malformed cut":          {record(entry(5, 1)), record(entry(6, 1)), {Type: cutRecord, Data: append(encodeCut(6), 0)}},
	} {
		dir := scratch(t)
		w, err := wal.Open(dir, wal.Options{})
		must(t, err)
		_, err = w.Append(records...)
		must(t, err)
		must(t, w.Close())
		if _, err := Open(dir, Options{}); err == nil {
			t.Errorf("%s was taken", name)
		} else {
			wantErr(t, err, ErrDamaged)
		}
		w, err = wal.Open(dir, wal.Options{}) // the refusal has let go of it
		must(t, err)
		must(t, w.Close())
	}
}

func record(e *raft.Log) wal.Record {
	return wal.Record{Type: entryRecord, Data: appendEntry(nil, e)}
}
