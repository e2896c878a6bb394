package replica

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
)

// TestASnapshotThatContradictsTheEndOfTheLog: a leader that was cut off has
// written more entries than the others have committed since, and they have only
// a snapshot left (hashicorp/raft#697). It stops; started again, it is one of
// them.
func TestASnapshotThatContradictsTheEndOfTheLog(t *testing.T) {
	g := newGroupWith(t, true, Timing{Heartbeat: 500 * time.Millisecond}, "c1", "c2", "c3")
	old, l := g.leads()
	c := newChain(t, l.State)
	must(t, l.Log, c.claim()...)
	c.commits(l.Log, "a")
	g.isolate(old.options.Name)
	for i := range 40 {
		if err := l.Log.Append([]protocol.Record{c.propose(fmt.Sprint("lost", i))}, false); err != nil {
			t.Fatal(err)
		}
	}
	newer, m := g.leads(g.but(old.options.Name)...)
	d := newChain(t, m.State)
	must(t, m.Log, d.claim()...)
	d.commits(m.Log, "b")
	eventually(t, "the history has it", func() bool { return newer.history.Height() == 2 })
	newer.stores.Trailing = func(int64) uint64 { return 1 }
	if err := newer.Snapshot(); err != nil {
		t.Fatal(err)
	}
	if mine, theirs := old.raft.LastIndex(), newer.raft.LastIndex(); mine < theirs+5 {
		t.Fatalf("the log of the old leader ends at entry %d, that of the new one at %d", mine, theirs)
	}
	g.heal(old.options.Name)
	select {
	case <-old.Failed():
		if err := old.Err(); !errors.Is(err, ErrRestart) {
			t.Fatalf("the old leader says %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the old leader goes on with a log that contradicts its snapshot")
	}
	g.stop(old.options.Name)
	g.start(old.options.Name, nil, false)
	again := g.replicas[old.options.Name]
	d.commits(m.Log, "c")
	eventually(t, "the old leader has all decisions", func() bool { return again.history.Height() == 3 })
	g.stop(g.but(old.options.Name, newer.options.Name)[0])
	d.commits(m.Log, "d") // with its vote alone
	eventually(t, "the old leader has the last one", func() bool { return again.history.Height() == 4 })
}

// TestASnapshotThatComesLate: what this member has acknowledged beyond it stays.
func TestASnapshotThatComesLate(t *testing.T) {
	g := newGroupOn(t, true, "c1")
	r, l := g.leads()
	c := newChain(t, l.State)
	must(t, l.Log, c.claim()...)
	c.commits(l.Log, "a")
	eventually(t, "the history has it", func() bool { return r.history.Height() == 1 })
	if err := r.Snapshot(); err != nil {
		t.Fatal(err)
	}
	c.commits(l.Log, "b")
	list, err := r.stores.Snapshots.List()
	if err != nil {
		t.Fatal(err)
	}
	_, content, err := r.stores.Snapshots.Open(list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := (fsm{r}).Restore(content); !errors.Is(err, ErrRestart) || !errors.Is(r.Err(), ErrRestart) {
		t.Fatalf("it was restored: %v, %v", err, r.Err())
	}
	g.stop("c1")
	g.start("c1", nil, false)
	if _, m := g.leads(); m.State.Decided.Key != "b" {
		t.Errorf("it comes back with %v", m.State.Decided)
	}
}
