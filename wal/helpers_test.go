package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// long selects the long form of the torture tests: every case where the short
// form takes a sample. It needs go test -timeout 1h.
var long = os.Getenv("LOCKSTEP_TORTURE") == "long"

// underRace says that the race detector is on.
var underRace bool

// scratch returns a directory that is removed after the test, in memory where
// there is such a place: thousands of logs are made in the torture tests.
func scratch(tb testing.TB) string {
	tb.Helper()
	base := "/dev/shm"
	if info, err := os.Stat(base); err != nil || !info.IsDir() {
		return tb.TempDir()
	}
	dir, err := os.MkdirTemp(base, "wal-test-")
	if err != nil {
		return tb.TempDir()
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// payload is what the record with this sequence holds in this run: anybody
// can compute it, and no two are equal.
func payload(run uint32, seq uint64, size int) Record {
	rng := rand.New(rand.NewPCG(uint64(run), seq))
	data := binary.BigEndian.AppendUint32(nil, run)
	data = binary.BigEndian.AppendUint64(data, seq)
	for len(data) < size {
		data = binary.BigEndian.AppendUint64(data, rng.Uint64())
	}
	return Record{Type: uint8(1 + seq%255), Data: data}
}

// sizeOf varies the sizes of records, by sequence.
func sizeOf(seq uint64) int { return 12 + int(seq*37%90) }

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func mustOpen(tb testing.TB, dir string, opts Options) *Log {
	tb.Helper()
	l, err := Open(dir, opts)
	must(tb, err)
	return l
}

// appendRun appends n records of a run, each in its own call.
func appendRun(tb testing.TB, l *Log, run uint32, n int) {
	tb.Helper()
	for range n {
		seq := l.Last() + 1
		got, err := l.Append(payload(run, seq, sizeOf(seq)))
		must(tb, err)
		if got != seq {
			tb.Fatalf("append got sequence %d, want %d", got, seq)
		}
	}
}

// fill makes a log of n acknowledged records and closes it.
func fill(tb testing.TB, dir string, opts Options, n int) {
	tb.Helper()
	l := mustOpen(tb, dir, opts)
	appendRun(tb, l, 0, n)
	must(tb, l.Sync())
	must(tb, l.Close())
}

// contents reads all records of an open log.
func contents(l *Log) (map[uint64]Record, error) {
	all := map[uint64]Record{}
	next := l.First()
	err := l.Replay(0, func(seq uint64, rec Record) error {
		if seq != next {
			return errors.New("replay is out of order")
		}
		next++
		all[seq] = rec
		return nil
	})
	if err == nil && next != l.Last()+1 {
		err = errors.New("replay ended early")
	}
	return all, err
}

// wantRun checks that the log holds exactly the records first to last of a run.
func wantRun(tb testing.TB, l *Log, run uint32, first, last uint64) {
	tb.Helper()
	if l.First() != first || l.Last() != last {
		tb.Fatalf("log holds %d to %d, want %d to %d", l.First(), l.Last(), first, last)
	}
	all, err := contents(l)
	must(tb, err)
	for seq := first; seq <= last; seq++ {
		if !same(all[seq], payload(run, seq, sizeOf(seq))) {
			tb.Fatalf("record %d differs", seq)
		}
	}
}

func same(a, b Record) bool { return a.Type == b.Type && bytes.Equal(a.Data, b.Data) }

// snapshot is a log directory in memory.
type snapshot map[string][]byte

func take(tb testing.TB, dir string) snapshot {
	tb.Helper()
	s := snapshot{}
	entries, err := os.ReadDir(dir)
	must(tb, err)
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		must(tb, err)
		s[e.Name()] = data
	}
	return s
}

// restore makes the directory what it was, and nothing else.
func (s snapshot) restore(tb testing.TB, dir string) {
	tb.Helper()
	must(tb, os.RemoveAll(dir))
	must(tb, os.Mkdir(dir, 0o700))
	for name, data := range s {
		must(tb, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
}

// equal reports whether the directory still is as it was, but for the lock.
func (s snapshot) equal(tb testing.TB, dir string) bool {
	tb.Helper()
	now := take(tb, dir)
	delete(now, lockName)
	for name, data := range s {
		if got, ok := now[name]; name != lockName && (!ok || !bytes.Equal(got, data)) {
			return false
		}
		delete(now, name)
	}
	return len(now) == 0
}

// segmentsOf lists the segment files of a directory, in order.
func segmentsOf(tb testing.TB, dir string) []segment {
	tb.Helper()
	l, err := list(dir)
	must(tb, err)
	return l.segments
}
