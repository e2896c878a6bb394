package raftsnap

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"
	"pgregory.net/rapid"
)

// model is the store in the plainest form: the newest finished snapshot.
type model struct {
	dir      string
	store    *Store
	appendix *appendix
	sinks    []modelSink
	newest   *modelSink
}

type modelSink struct {
	raft.SnapshotSink
	name           name
	head, appendix string
}

func (m *model) Begin(t *rapid.T) {
	if len(m.sinks) > 3 {
		t.Skip("enough")
	}
	k := modelSink{head: rapid.StringN(0, 30, -1).Draw(t, "head"), appendix: rapid.StringN(0, 30, -1).Draw(t, "appendix")}
	index, term := rapid.Uint64Range(1, 6).Draw(t, "index"), rapid.Uint64Range(1, 2).Draw(t, "term")
	k.SnapshotSink = begin(t, m.store, index, term)
	k.name, _ = parseName(k.ID())
	must(t, WriteHead(k, []byte(k.head)))
	m.sinks = append(m.sinks, k)
}

func (m *model) take(t *rapid.T) modelSink {
	if len(m.sinks) == 0 {
		t.Skip("none")
	}
	i := rapid.IntRange(0, len(m.sinks)-1).Draw(t, "sink")
	k := m.sinks[i]
	m.sinks = append(m.sinks[:i:i], m.sinks[i+1:]...)
	return k
}

func (m *model) Close(t *rapid.T) {
	k := m.take(t)
	_, err := k.Write([]byte(k.appendix))
	must(t, err)
	if must(t, k.SnapshotSink.Close()); m.newest == nil || compareNames(k.name, m.newest.name) > 0 {
		m.newest = &k
	}
}

func (m *model) Cancel(t *rapid.T) { must(t, m.take(t).Cancel()) }

// Restart ends the process in the middle of what it writes.
func (m *model) Restart(t *rapid.T) {
	m.sinks = nil
	m.store = mustOpen(t, m.dir, m.appendix.options())
}

func (m *model) Check(t *rapid.T) {
	list, err := m.store.List()
	must(t, err)
	found, err := m.store.Newest()
	must(t, err)
	if m.newest == nil {
		if len(list) > 0 || found != nil {
			t.Fatalf("there are %v", list)
		}
		return
	}
	if len(list) != 1 || list[0].ID != m.newest.name.String() || string(found.Head) != m.newest.head {
		t.Fatalf("newest is %+v, want %v", found, m.newest.name)
	}
	want := m.newest.appendix
	if want == "" {
		want = m.appendix.text
	}
	meta, head, appendix, err := load(t, m.store, list[0].ID)
	must(t, err)
	if wantMeta(t, meta, m.newest.name.index, m.newest.name.term); head != m.newest.head || appendix != want {
		t.Fatalf("%q, %q, want %q, %q", head, appendix, m.newest.head, want)
	}
	if files := filesIn(t, m.dir); len(files) != 1+len(m.sinks) || m.appendix.open != 0 {
		t.Fatalf("%v is left, %d open", files, m.appendix.open)
	}
}

func TestModel(t *testing.T) {
	dir := filepath.Join(scratch(t), "snapshots")
	rapid.Check(t, func(t *rapid.T) {
		must(t, os.RemoveAll(dir))
		m := &model{dir: dir, appendix: text("of the moment")}
		m.store = mustOpen(t, dir, m.appendix.options())
		t.Repeat(map[string]func(*rapid.T){
			"": m.Check, "begin": m.Begin, "close": m.Close, "cancel": m.Cancel, "restart": m.Restart,
		})
	})
}
