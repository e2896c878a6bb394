package replica

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
)

func TestAGroupReplicatesDecisions(t *testing.T) {
	g := newGroup(t, "c1", "c2", "c3")
	_, l := g.leads()
	c := newChain(t, l.State)
	must(t, l.Log, c.claim()...)
	c.commits(l.Log, "a", "b", "c")
	for name, r := range g.replicas {
		eventually(t, name+" has it in its history", func() bool { return r.history.Height() == 3 })
		d, ok, err := r.history.ByKey("b")
		if err != nil || !ok || d.Height() != 2 {
			t.Errorf("%s: got %v, %v, %v", name, d, ok, err)
		}
		eventually(t, name+" knows all members", func() bool { return len(r.State().Enrolled) == 3 })
	}
}

// TestADeposedLeaderDecidesNothing: a leader that is cut off cannot append, and a
// newer one goes on.
func TestADeposedLeaderDecidesNothing(t *testing.T) {
	g := newGroup(t, "c1", "c2", "c3")
	old, l := g.leads()
	c := newChain(t, l.State)
	must(t, l.Log, c.claim()...)
	c.commits(l.Log, "a")
	if err := l.Log.Append([]protocol.Record{c.propose("lost")}, false); err != nil {
		t.Fatal(err)
	}
	g.isolate(old.options.Name)
	lost := make(chan error, 1)
	go func() { lost <- l.Log.Append([]protocol.Record{c.decide()}, true) }()
	var others []string
	for _, name := range g.names {
		if name != old.options.Name {
			others = append(others, name)
		}
	}
	newer, m := g.leads(others...)
	if err := <-lost; !errors.Is(err, ErrFenced) {
		t.Errorf("the deposed leader was told %v", err)
	}
	<-l.Lost
	if m.State.Epoch != 1 || m.State.Decided.Key != "a" {
		t.Errorf("the new leader finds epoch %d, %v", m.State.Epoch, m.State.Decided)
	}
	d := newChain(t, m.State)
	must(t, m.Log, d.claim()...)
	d.commits(m.Log, "b")
	g.heal(old.options.Name)
	eventually(t, "the old leader catches up", func() bool { s := newer.State(); return s.Height() == 2 && old.history.Height() == 2 })
	if err := l.Log.Append(nil, true); !errors.Is(err, ErrFenced) {
		t.Errorf("the deposed incarnation was told %v", err)
	}
}

// TestAnIncarnationIsFencedThoughItsNodeLeadsAgain: what it appends counts no
// more once another one has begun.
func TestAnIncarnationIsFencedThoughItsNodeLeadsAgain(t *testing.T) {
	g := newGroup(t, "c1")
	r, l := g.leads()
	c := newChain(t, l.State)
	must(t, l.Log, c.claim()...)
	c.commits(l.Log, "a")
	_, m := g.leads()
	d := newChain(t, m.State)
	must(t, m.Log, d.claim()...)
	before := r.State()
	if err := l.Log.Append([]protocol.Record{c.propose("b"), c.decide()}, true); !errors.Is(err, ErrFenced) {
		t.Errorf("the older incarnation was told %v", err)
	}
	if after := r.State(); after.Mark != before.Mark || after.Height() != 1 {
		t.Errorf("it moved the log from %+v to %+v", before.Mark, after.Mark)
	}
	if err := l.Log.Confirm(); !errors.Is(err, ErrFenced) {
		t.Errorf("its confirmation says %v", err)
	}
	if err := m.Log.Confirm(); err != nil {
		t.Error(err)
	}
	d.commits(m.Log, "b")
}

// TestAClaimCountsOnlyOnWhatItsIncarnationHasRead: an entry that comes between is
// never missed.
func TestAClaimCountsOnlyOnWhatItsIncarnationHasRead(t *testing.T) {
	g := newGroup(t, "c1")
	_, l := g.leads()
	c := newChain(t, l.State)
	must(t, l.Log, c.claim()...)
	_, m := g.leads()
	c.commits(l.Log, "late")
	d := newChain(t, m.State)
	if err := m.Log.Append(d.claim(), true); !errors.Is(err, ErrFenced) {
		t.Fatalf("the claim was told %v", err)
	}
	_, n := g.leads()
	if n.State.Decided == nil || n.State.Decided.Key != "late" {
		t.Errorf("the next finds %v", n.State.Decided)
	}
}

func TestAReplicaComesBackWithWhatItHad(t *testing.T) {
	g := newGroup(t, "c1")
	r, l := g.leads()
	c := newChain(t, l.State)
	must(t, l.Log, c.claim()...)
	c.commits(l.Log, "a", "b")
	must(t, l.Log, c.propose("open"))
	eventually(t, "the history has them", func() bool { return r.history.Height() == 2 })
	for round := range 3 {
		if round == 1 {
			if err := g.replicas["c1"].Snapshot(); err != nil {
				t.Fatal(err)
			}
		}
		g.stop("c1")
		g.start("c1", nil, false)
		_, m := g.leads()
		if m.State.Epoch != protocol.Epoch(round+1) || m.State.Decided.Key != "b" || len(m.State.Pending) != 1 || m.State.Pending[0].Key != "open" {
			t.Fatalf("round %d: found %+v", round, m.State)
		}
		must(t, m.Log, newChain(t, m.State).claim()...)
	}
}

// TestAnEmptyMemberGetsASnapshot: the log does not go back far enough.
func TestAnEmptyMemberGetsASnapshot(t *testing.T) {
	g := newGroup(t, "c1")
	r, l := g.leads()
	c := newChain(t, l.State)
	must(t, l.Log, c.claim()...)
	for i := range 20 {
		c.commits(l.Log, fmt.Sprint("block", i))
	}
	l.Log.Needed(15)
	must(t, l.Log, c.propose("open"))
	eventually(t, "the history has them", func() bool { return r.history.Height() == 20 })
	r.stores.Trailing = func(int64) uint64 { return 1 }
	if err := r.Snapshot(); err != nil {
		t.Fatal(err)
	}
	g.start("c2", nil, true)
	if err := r.Add(Member{"c2", "c2:1"}); err != nil {
		t.Fatal(err)
	}
	joined := g.replicas["c2"]
	eventually(t, "the new member has the history", func() bool { return joined.history.Height() == 20 })
	c.commits(l.Log)
	must(t, l.Log, c.decide())
	eventually(t, "the new member goes on", func() bool { return joined.history.Height() == 21 })
	eventually(t, "the new member is enrolled", func() bool { _, ok := r.expect("c2"); return ok })
	if err := r.Transfer("c2"); !errors.Is(err, ErrRefused) {
		t.Errorf("a learner is to lead: %v", err)
	}
	if err := r.Promote("c2"); err != nil {
		t.Fatal(err)
	}
	g.stop("c2")
	g.start("c2", nil, true)
	eventually(t, "it comes back", func() bool { return g.replicas["c2"].history.Height() == 21 })
	eventually(t, "it is told to lead", func() bool { // once the leader reaches it again
		err := r.Transfer("c2")
		return err == nil || errors.Is(err, ErrNotLeader)
	})
	_, m := g.leads("c2")
	if m.State.Decided.Key != "open" || len(m.State.Older)+len(m.State.Decisions) != 7 || m.State.Older[0].Height() != 15 {
		t.Errorf("the new member leads with %v and %d older decisions", m.State.Decided, len(m.State.Older))
	}
}

func TestMembersAreChangedSafely(t *testing.T) {
	g := newGroup(t, "c1", "c2", "c3")
	r, l := g.leads()
	must(t, l.Log, newChain(t, l.State).claim()...)
	eventually(t, "all are enrolled", func() bool { return len(r.State().Enrolled) == 3 })
	self := r.options.Name
	var other string
	for name := range g.replicas {
		if name != self {
			other = name
		}
	}
	for what, err := range map[string]error{
		"remove the leader":   r.Remove(self),
		"remove nobody":       r.Remove("c9"),
		"add without address": r.Add(Member{Name: "c4"}),
		"add at an address":   r.Add(Member{Name: "c4", Address: other + ":1"}),
		"hand over to nobody": r.Transfer("c9"),
		"hand over to itself": r.Transfer(self),
	} {
		if !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := r.Remove(other); err != nil {
		t.Fatal(err)
	}
	if err := r.Add(Member{Name: other, Address: other + ":1"}); !errors.Is(err, ErrRefused) {
		t.Errorf("a name that was used is taken again: %v", err)
	}
	if got := len(r.Members()); got != 2 {
		t.Errorf("%d members", got)
	}
	if err := g.replicas[other].Add(Member{"c4", "c4:1"}); err == nil {
		t.Error("one that was removed adds a member")
	}
}

// TestALearnerHasNoVote: without it the leader goes on alone, and without the
// leader it does not.
func TestALearnerHasNoVote(t *testing.T) {
	g := newGroup(t, "c1")
	r, l := g.leads()
	c := newChain(t, l.State)
	must(t, l.Log, c.claim()...)
	g.start("c2", nil, true)
	if role := g.replicas["c2"].Status().Role; role != RoleWaiting {
		t.Errorf("before it is added it is %s", role)
	}
	for range 2 { // the second changes nothing
		if err := r.Add(Member{"c2", "c2:1"}); err != nil {
			t.Fatal(err)
		}
	}
	learner := g.replicas["c2"]
	eventually(t, "it is a learner", func() bool { return learner.Status().Role == RoleLearner && len(r.State().Enrolled) == 2 })
	g.isolate("c2")
	c.commits(l.Log, "a") // without it
	g.heal("c2")
	eventually(t, "it has what is decided", func() bool { s := learner.State(); return s.Height() == 1 })
	before := r.Status().Term
	g.stop("c1")
	term := learner.Status().Term
	g.start("c1", nil, false)
	again, m := g.leads()
	if again != g.replicas["c1"] || term != before {
		t.Errorf("the learner stood for election: term %d after term %d", term, before)
	}
	must(t, m.Log, newChain(t, m.State).claim()...)
	for range 2 {
		if err := again.Promote("c2"); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "it follows", func() bool { return learner.Status().Role == RoleFollower })
	if err := again.Remove("c2"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it knows that it was removed", func() bool { return learner.Status().Role == RoleRemoved })
}

func TestALoneReplicaLeadsSoon(t *testing.T) {
	began := time.Now()
	g := newGroup(t, "c1")
	g.leads()
	t.Logf("after %v", time.Since(began))
}

// TestATermThatCannotBeStored ends the replica and nothing else: raft would end the
// process. The others go on.
func TestATermThatCannotBeStored(t *testing.T) {
	g := newGroup(t, "c1", "c2", "c3")
	r, _ := g.leads()
	name := g.but(r.options.Name)[0]
	broken := g.replicas[name]
	g.stores[name].broken.Store(true)
	_ = r.Transfer(name) // it fails, or another one takes over
	select {
	case <-broken.Failed():
	case <-time.After(patience):
		t.Fatal("the replica goes on")
	}
	if err := broken.Err(); !errors.Is(err, errBroken) {
		t.Errorf("it says %v", err)
	}
	g.stop(name)
	g.names = slices.DeleteFunc(g.names, func(name string) bool { return g.replicas[name] == nil })
	g.decides("on")
}
