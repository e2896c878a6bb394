package raftlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/wal"
)

// tester is a test, a benchmark or a rapid run.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// scratch returns a directory that is removed after the test, in memory where
// there is such a place.
func scratch(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "raftlog-test-")
	if err != nil {
		return tb.TempDir()
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func must(t tester, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t tester, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
}

func mustOpen(t tester, dir string, opts Options) *Log {
	t.Helper()
	l, err := Open(dir, opts)
	must(t, err)
	return l
}

// small makes segments that a few entries fill.
func small() Options { return Options{Wal: wal.Options{SegmentBytes: 1000}, TrimBytes: 1500} }

// entry is what stands at an index in a term: anybody can compute it.
func entry(index, term uint64) *raft.Log {
	rng := rand.New(rand.NewPCG(index, term))
	e := &raft.Log{Index: index, Term: term, Type: raft.LogType(index % 6)}
	e.AppendedAt = time.Unix(int64(index), int64(term)).UTC()
	for range rng.IntN(30) {
		e.Data = binary.BigEndian.AppendUint64(e.Data, rng.Uint64())
	}
	if index%3 == 0 {
		e.Extensions = []byte("extension")
	}
	return e
}

// entries are those from first to last, of one term.
func entries(first, last, term uint64) (list []*raft.Log) {
	for i := first; i <= last; i++ {
		list = append(list, entry(i, term))
	}
	return list
}

func same(a, b *raft.Log) bool {
	return a.Index == b.Index && a.Term == b.Term && a.Type == b.Type && a.AppendedAt.Equal(b.AppendedAt) &&
		bytes.Equal(a.Data, b.Data) && bytes.Equal(a.Extensions, b.Extensions)
}

func wantBounds(t tester, l raft.LogStore, first, last uint64) {
	t.Helper()
	gotFirst, err1 := l.FirstIndex()
	gotLast, err2 := l.LastIndex()
	if gotFirst != first || gotLast != last || err1 != nil || err2 != nil {
		t.Fatalf("log holds %d to %d (%v, %v), want %d to %d", gotFirst, gotLast, err1, err2, first, last)
	}
}

// wantEntries checks that the log holds exactly the entries from first on, which
// have these terms.
func wantEntries(t tester, l *Log, first uint64, terms ...uint64) {
	t.Helper()
	last := first + uint64(len(terms)) - 1
	if len(terms) == 0 {
		first, last = 0, 0
	}
	wantBounds(t, l, first, last)
	var got raft.Log
	for i, term := range terms {
		index := first + uint64(i)
		must(t, l.GetLog(index, &got))
		if !same(&got, entry(index, term)) {
			t.Fatalf("entry %d is %v of term %d, want term %d", index, got.Index, got.Term, term)
		}
	}
	for _, index := range []uint64{0, first - 1, last + 1, last + 1000} {
		if index-first < uint64(len(terms)) {
			continue
		}
		if err := l.GetLog(index, &got); err != raft.ErrLogNotFound {
			t.Fatalf("entry %d: %v", index, err)
		}
	}
}

// repeat is n times a term.
func repeat(term uint64, n int) (terms []uint64) {
	for range n {
		terms = append(terms, term)
	}
	return terms
}

// files is a directory in memory.
type files map[string][]byte

func take(t tester, dir string) files {
	t.Helper()
	all := files{}
	list, err := os.ReadDir(dir)
	must(t, err)
	for _, f := range list {
		data, err := os.ReadFile(filepath.Join(dir, f.Name()))
		must(t, err)
		all[f.Name()] = data
	}
	return all
}

// restore makes the directory what it was, and nothing else.
func (all files) restore(t tester, dir string) {
	t.Helper()
	must(t, os.RemoveAll(dir))
	must(t, os.MkdirAll(dir, 0o700))
	for name, data := range all {
		must(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
}

// tail is the name of the last segment.
func (all files) tail() (name string) {
	for n := range all {
		if len(n) == 20 && n > name {
			name = n
		}
	}
	return name
}

// head is the name of the first segment.
func (all files) head() (name string) {
	for n := range all {
		if len(n) == 20 && (name == "" || n < name) {
			name = n
		}
	}
	return name
}
