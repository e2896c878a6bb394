package replica

import (
	"testing"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/protocol"
)

// busy is a history on a disk so slow that a decision comes during every write.
type busy struct {
	shelf
	machine *Machine
}

func (b *busy) Append(meta history.Meta, ds []*protocol.Decision) error {
	b.machine.mu.Lock()
	b.machine.state.Decided = &protocol.Decision{Attempt: protocol.AttemptID{Height: b.machine.state.Height() + 1}, Key: "late"}
	b.machine.state.Recent = append(b.machine.state.Recent, b.machine.state.Decided)
	b.machine.mu.Unlock()
	return b.shelf.Append(meta, ds)
}

// TestKeepComesToAnEnd: else no snapshot would be made under load, and no replica
// could stop.
func TestKeepComesToAnEnd(t *testing.T) {
	var s State
	for h := range protocol.Height(3) {
		s.Decided = &protocol.Decision{Attempt: protocol.AttemptID{Height: h + 1}, Key: "first"}
		s.Recent = append(s.Recent, s.Decided)
	}
	b := &busy{machine: NewMachine(s, 1)}
	for want := protocol.Height(3); want < 6; want++ { // what comes meanwhile is for the next call
		if err := b.machine.Keep(b); err != nil {
			t.Fatal(err)
		}
		if now, _ := b.machine.State(); b.Height() != want || now.Height() != want+1 {
			t.Fatalf("the history goes up to height %d of %d, want %d", b.Height(), now.Height(), want)
		}
	}
}

// TestASnapshotThatFailsIsDueAgain: the log is as long as before.
func TestASnapshotThatFailsIsDueAgain(t *testing.T) {
	m := NewMachine(State{}, 0)
	m.bytes = 100
	m.snapshot()
	if n := m.sinceSnapshot(); n != 100 {
		t.Errorf("%d bytes since the last snapshot, want 100", n)
	}
	m.bytes += 20 // while it is written
	m.snapshotted(100)
	if n := m.sinceSnapshot(); n != 20 {
		t.Errorf("%d bytes since the last snapshot, want 20", n)
	}
}

// TestAnOrderlyStopKeepsWhatIsDecided: nothing is left for the next start, on a
// leader and on its followers, although the keeper had no time of its own.
func TestAnOrderlyStopKeepsWhatIsDecided(t *testing.T) {
	g := newGroupOn(t, true, "c1", "c2", "c3")
	r, l := g.leads()
	c := newChain(t, l.State)
	must(t, l.Log, c.claim()...)
	c.commits(l.Log, "a")
	for _, name := range g.names {
		eventually(t, name+" has a history", func() bool { return g.replicas[name].history.Height() == 1 })
		g.replicas[name].keeping.Lock() // its keeper waits from now on
	}
	c.commits(l.Log, "b", "c")
	for _, name := range append(g.but(r.options.Name), r.options.Name) {
		stopping := g.replicas[name]
		eventually(t, name+" has applied them", func() bool { s := stopping.State(); return s.Height() == 3 })
		if h := stopping.history.Height(); h != 1 {
			t.Fatalf("%s: the history goes up to height %d already", name, h)
		}
	}
	for _, name := range g.but() {
		dir := g.options[name].Directory
		g.replicas[name].keeping.Unlock()
		g.stop(name)
		o, err := ReadOffline(dir)
		if err != nil {
			t.Fatal(err)
		}
		if h := o.History.Height(); h != 3 {
			t.Errorf("%s: the history goes up to height %d, want 3", name, h)
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}
}
