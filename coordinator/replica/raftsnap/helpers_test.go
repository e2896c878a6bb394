package raftsnap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"
)

// tester is a test or a rapid run.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
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

// scratch returns a directory that is removed after the test, in memory where
// there is such a place.
func scratch(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "raftsnap-test-")
	if err != nil {
		return tb.TempDir()
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func mustOpen(t tester, dir string, opts Options) *Store {
	t.Helper()
	s, err := Open(dir, opts)
	must(t, err)
	return s
}

var servers = raft.Configuration{Servers: []raft.Server{{ID: "c1", Address: "a:1"}, {ID: "c2", Address: "b:2"}}}

func begin(t tester, s *Store, index, term uint64) raft.SnapshotSink {
	t.Helper()
	sink, err := s.Create(1, index, term, servers, index-1, nil)
	must(t, err)
	return sink
}

// save stores a snapshot: a head, and what follows it.
func save(t tester, s *Store, index, term uint64, head, appendix string) (id string) {
	t.Helper()
	sink := begin(t, s, index, term)
	must(t, WriteHead(sink, []byte(head)))
	_, err := io.WriteString(sink, appendix)
	must(t, err)
	must(t, sink.Close())
	return sink.ID()
}

// load reads a snapshot to its end.
func load(t tester, s *Store, id string) (meta *raft.SnapshotMeta, head, appendix string, err error) {
	t.Helper()
	meta, r, err := s.Open(id)
	if err != nil {
		return nil, "", "", err
	}
	content, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		return meta, "", "", err
	}
	if int64(len(content)) != meta.Size {
		t.Fatalf("meta promises %d bytes, there are %d", meta.Size, len(content))
	}
	rest := bytes.NewReader(content)
	b, err := ReadHead(rest)
	must(t, err)
	more, err := io.ReadAll(rest)
	must(t, err)
	return meta, string(b), string(more), nil
}

// appendix gives a fixed text, and counts what is open.
type appendix struct {
	text string
	size int64 // that is promised
	err  error
	open int
}

func (a *appendix) options() Options { return Options{Appendix: a.get} }

func (a *appendix) get() (int64, io.ReadCloser, error) {
	if a.err != nil {
		return 0, nil, a.err
	}
	a.open++
	return a.size, &opened{bytes.NewReader([]byte(a.text)), a}, nil
}

func text(s string) *appendix { return &appendix{text: s, size: int64(len(s))} }

type opened struct {
	*bytes.Reader
	from *appendix
}

func (o *opened) Close() error {
	o.from.open--
	return nil
}

// filesIn lists a directory.
func filesIn(t tester, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// only is the one file in a directory.
func only(t tester, dir string) string {
	t.Helper()
	list := filesIn(t, dir)
	if len(list) != 1 {
		t.Fatalf("there are %v", list)
	}
	return filepath.Join(dir, list[0])
}

func wantMeta(t tester, m *raft.SnapshotMeta, index, term uint64) {
	t.Helper()
	if m.Version != 1 || m.Index != index || m.Term != term || m.ConfigurationIndex != index-1 ||
		fmt.Sprint(m.Configuration) != fmt.Sprint(servers) {
		t.Fatalf("meta is %+v", m)
	}
}
