package replica

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/coordinator/replica/raftlog"
	"github.com/lockstep-exec/lockstep/protocol"
)

// TestARestoreThatACrashInterruptedIsFinished: the snapshot has come, and the
// history is not in its place yet.
func TestARestoreThatACrashInterruptedIsFinished(t *testing.T) {
	g := newGroupOn(t, true, "c1")
	r, l := g.leads()
	c := newChain(t, l.State)
	must(t, l.Log, c.claim()...)
	for i := range 20 {
		c.commits(l.Log, fmt.Sprint("block", i))
	}
	eventually(t, "the history has them", func() bool { return r.history.Height() == 20 })
	r.stores.Trailing = func(int64) uint64 { return 1 }
	if err := r.Snapshot(); err != nil {
		t.Fatal(err)
	}
	g.start("c2", nil, true)
	if err := r.Add(Member{"c2", "c2:1"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new member has the history", func() bool { return g.replicas["c2"].history.Height() == 20 })
	dir := g.options["c2"].Directory
	g.stop("c2")
	if err := os.Rename(filepath.Join(dir, history.FileName), filepath.Join(dir, receivedFile)); err != nil {
		t.Fatal(err)
	}
	g.start("c2", nil, true)
	if h := g.replicas["c2"].history.Height(); h != 20 {
		t.Errorf("the history goes up to height %d", h)
	}
	g.decides("more") // nobody may lead still who led when one of the two was away
	eventually(t, "it goes on", func() bool { return g.replicas["c2"].history.Height() == 21 })
}

// TestDirectoriesThatLackSomethingAreRefused, at a start and offline.
func TestDirectoriesThatLackSomethingAreRefused(t *testing.T) {
	g := newGroupOn(t, true, "c1")
	r, l := g.leads()
	c := newChain(t, l.State)
	must(t, l.Log, c.claim()...)
	c.commits(l.Log, "a", "b")
	eventually(t, "the history has them", func() bool { return r.history.Height() == 2 })
	r.stores.Trailing = func(int64) uint64 { return 1 }
	if err := r.Snapshot(); err != nil {
		t.Fatal(err)
	}
	c.commits(l.Log, "c")
	o := g.options["c1"]
	g.stop("c1")
	for what, test := range map[string]struct{ name, words string }{
		"no log":     {LogDirectory, "log"},
		"no votes":   {raftlog.StableName, "votes"},
		"no history": {history.FileName, "history"},
		"no member":  {MemberFile, MemberFile},
	} {
		path, aside := filepath.Join(o.Directory, test.name), filepath.Join(t.TempDir(), "aside")
		if err := os.Rename(path, aside); err != nil {
			t.Fatal(err)
		}
		if d, err := ReadOffline(o.Directory); err == nil {
			d.Close()
			t.Errorf("%s: read offline", what)
		} else if !errors.Is(err, ErrMismatch) && !strings.Contains(err.Error(), test.words) {
			t.Errorf("%s: read offline: %v", what, err)
		}
		again, err := Open(o)
		if err == nil {
			again.Close()
		}
		if err == nil || !strings.Contains(err.Error(), test.words) {
			t.Errorf("%s: %v", what, err)
		}
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(aside, path); err != nil {
			t.Fatal(err)
		}
	}
	if err := checkFirst(o.Directory, 9, 7); !errors.Is(err, ErrMismatch) {
		t.Errorf("a gap between snapshot and log: %v", err)
	}
	if err := checkFirst(o.Directory, 8, 7); err != nil {
		t.Errorf("no gap: %v", err)
	}
	o.Name, o.Members = "c9", nil
	if _, err := Open(o); err == nil || !strings.Contains(err.Error(), "c1") {
		t.Errorf("under another name: %v", err)
	}
	g.start("c1", nil, false)
	if _, m := g.leads(); m.State.Decided.Key != "c" {
		t.Errorf("it comes back with %v", m.State.Decided)
	}
}

// TestOfflineTellsWhatIsCertain: of one member of several, what only its log has
// may not be committed.
func TestOfflineTellsWhatIsCertain(t *testing.T) {
	for _, names := range [][]string{{"c1"}, {"c1", "c2", "c3"}} {
		t.Run(fmt.Sprint(len(names)), func(t *testing.T) {
			g := newGroupOn(t, true, names...)
			r, l := g.leads()
			c := newChain(t, l.State)
			must(t, l.Log, c.claim()...)
			c.commits(l.Log, "kept")
			eventually(t, "the history has it", func() bool { return r.history.Height() == 1 })
			r.keeping.Lock() // the keeper waits from now on
			c.commits(l.Log, "fresh")
			must(t, l.Log, c.propose("open"))
			self := r.options.Name
			dir := g.options[self].Directory
			image := filepath.Join(t.TempDir(), "image")
			if err := os.CopyFS(image, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			r.keeping.Unlock()
			o, err := ReadOffline(image)
			if err != nil {
				t.Fatal(err)
			}
			defer o.Close()
			certain := protocol.Height(1)
			if len(names) == 1 {
				certain = 2
			}
			if o.Certain.Height() != certain || o.Newest.Height() != 2 || len(o.Newest.Pending) != 1 || o.History.Height() != 1 {
				t.Errorf("certain up to height %d, newest %d with %d pending, history %d", o.Certain.Height(), o.Newest.Height(), len(o.Newest.Pending), o.History.Height())
			}
			if len(o.Members) != len(names) || o.Name != self {
				t.Errorf("%s of %v", o.Name, o.Members)
			}
		})
	}
}

// TestATrimmedLogWithoutItsSnapshotIsRefused, at a start and offline.
func TestATrimmedLogWithoutItsSnapshotIsRefused(t *testing.T) {
	g := newGroupOn(t, true, "c1")
	r, l := g.leads()
	c := newChain(t, l.State)
	must(t, l.Log, c.claim()...)
	c.commits(l.Log, "a", "b")
	eventually(t, "the history has them", func() bool { return r.history.Height() == 2 })
	if err := r.Snapshot(); err != nil {
		t.Fatal(err)
	}
	last := r.raft.LastIndex()
	c.commits(l.Log, "c")
	o := g.options["c1"]
	g.stop("c1")
	trimLog(t, filepath.Join(o.Directory, LogDirectory), last)
	aside := filepath.Join(t.TempDir(), "aside")
	folder := filepath.Join(o.Directory, SnapshotDirectory)
	if err := os.Rename(folder, aside); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("begins at entry %d, and no snapshot", last+1)
	if again, err := Open(o); err == nil {
		again.Close()
		t.Error("it starts")
	} else if !errors.Is(err, ErrMismatch) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
	if d, err := ReadOffline(o.Directory); err == nil {
		d.Close()
		t.Error("it is read offline")
	} else if !errors.Is(err, ErrMismatch) || !strings.Contains(err.Error(), want) {
		t.Errorf("offline: %v", err)
	}
	if err := os.Remove(folder); err != nil { // empty
		t.Fatal(err)
	}
	if err := os.Rename(aside, folder); err != nil {
		t.Fatal(err)
	}
	g.start("c1", nil, false)
	if _, m := g.leads(); m.State.Decided.Key != "c" {
		t.Errorf("it comes back with %v", m.State.Decided)
	}
}

// trimLog removes entries up to an index from the disk.
func trimLog(t *testing.T, dir string, upTo uint64) {
	t.Helper()
	log, err := raftlog.Open(dir, raftlog.Options{TrimBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(log.DeleteRange(1, upTo), log.Close()); err != nil {
		t.Fatal(err)
	}
}
