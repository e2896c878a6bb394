package replica

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"pgregory.net/rapid"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

// shelf is a history in memory.
type shelf struct {
	meta      history.Meta
	decisions []*protocol.Decision
	full      bool
}

func (h *shelf) Append(meta history.Meta, ds []*protocol.Decision) error {
	if h.full {
		return history.ErrNoSpace
	}
	if ds[0].Height() != h.Height()+1 || meta.Log.Forced < h.meta.Log.Forced {
		return errors.New("it does not continue the history")
	}
	h.meta, h.decisions = meta, append(h.decisions, ds...)
	return nil
}

func (h *shelf) ByHeight(at protocol.Height) (*protocol.Decision, bool, error) {
	if at == 0 || at > h.Height() {
		return nil, false, nil
	}
	return h.decisions[at-1], true, nil
}

func (h *shelf) Height() protocol.Height { return protocol.Height(len(h.decisions)) }
func (h *shelf) Meta() history.Meta      { return h.meta }

// copy is what another replica gets of it.
func (h *shelf) copy() *shelf { return &shelf{meta: h.meta, decisions: slices.Clone(h.decisions)} }

// drawEntries makes a log as coordinators write it, with entries between that do
// not count.
func drawEntries(t *rapid.T) (log [][]byte) {
	c := &chain{}
	mark := Mark{}
	blocks := 0
	add := func(items ...Item) {
		e := Entry{At: Mark{mark.Epoch, mark.Number + 1}, After: mark, Items: items}
		if c.epoch > mark.Epoch {
			e.At = Mark{c.epoch, 1}
		}
		log, mark = append(log, e.Encode()), e.At
	}
	claim := func() {
		var items []Item
		for _, r := range c.claim() {
			items = append(items, r)
		}
		add(items...)
	}
	claim()
	for range rapid.IntRange(0, 60).Draw(t, "entries") {
		switch kind := rapid.IntRange(0, 9).Draw(t, "kind"); {
		case kind < 3:
			blocks++
			add(c.propose(fmt.Sprint("block", blocks)))
		case kind < 6 && len(c.pending) > 0:
			add(c.decide(), Needed{c.height()})
		case kind == 6 && len(c.pending) > 0:
			add(c.withdraw(rapid.IntRange(0, len(c.pending)-1).Draw(t, "which")))
		case kind == 7:
			claim()
		case kind == 8:
			name := rapid.SampledFrom([]string{"c1", "c2"}).Draw(t, "name")
			add(Enrolled{name, protocol.DirectoryID{name[1]}}, protocol.Joined{Shard: 0, Directory: protocol.DirectoryID{9}},
				&protocol.Resolved{Key: "block1", By: name, What: "do"})
		default: // of a deposed incarnation, or lost on the way
			stale := Entry{At: Mark{mark.Epoch, mark.Number + 2}, After: Mark{mark.Epoch, mark.Number + 1}, Items: []Item{protocol.Joined{}}}
			log = append(log, stale.Encode())
		}
	}
	return log
}

// logical gives what all replicas agree on: all but how far the history is.
func logical(m *Machine) []byte {
	s, applied := m.State()
	return encodeHead(withoutRecent(s), applied)
}

// TestReplicasAgree: whenever a replica keeps, makes a snapshot, or begins from
// one on a history that is older or newer, it comes to what all others come to.
func TestReplicasAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := drawEntries(t)
		plain, odd := NewMachine(State{}, 0), NewMachine(State{}, 0)
		kept, other := &shelf{}, &shelf{} // histories of the odd one, and of a third
		third := NewMachine(State{}, 0)
		var head []byte
		for i, entry := range log {
			index := uint64(i) + 1
			want, got := plain.Apply(index, entry), odd.Apply(index, entry)
			if fmt.Sprint(want) != fmt.Sprint(got) {
				t.Fatalf("entry %d: %v, %v", index, want, got)
			}
			_ = third.Apply(index, entry) // as the others
			if rapid.IntRange(0, 3).Draw(t, "third keeps") == 0 {
				keeps(t, third, other)
			}
			switch rapid.IntRange(0, 6).Draw(t, "act") {
			case 0:
				kept.full = rapid.Bool().Draw(t, "full")
				keeps(t, odd, kept)
			case 1:
				head = odd.Head()
			case 2: // restart on the own disk
				if head != nil {
					odd = replays(t, head, log[:i+1])
				}
			case 3: // a snapshot of another, with its history
				head = third.Head()
				odd, kept = replays(t, head, log[:i+1]), other.copy()
			}
			if !bytes.Equal(logical(plain), logical(odd)) {
				t.Fatalf("after entry %d the replicas differ", index)
			}
		}
		kept.full = false
		keeps(t, odd, kept)
		s, _ := plain.State()
		if kept.Height() != s.Height() {
			t.Fatalf("the history goes up to height %d of %d", kept.Height(), s.Height())
		}
		for i, d := range s.Recent {
			if kept.decisions[i].Root != d.Root {
				t.Fatalf("the history has another height %d", i+1)
			}
		}
	})
}

// withoutRecent leaves out how far the history is.
func withoutRecent(s State) State {
	s.Recent = nil
	return s
}

func keeps(t *rapid.T, m *Machine, h *shelf) {
	if err := m.Keep(h); err != nil {
		t.Fatal(err)
	}
}

// replays begins from a snapshot, with the entries behind it.
func replays(t *rapid.T, head []byte, log [][]byte) *Machine {
	m, applied, err := Resume(head)
	if err != nil {
		t.Fatal(err)
	}
	for i := applied; i < uint64(len(log)); i++ {
		_ = m.Apply(i+1, log[i]) // what does not count is refused again
	}
	return m
}

// TestAnUnreadableEntryStopsTheReplica: what another version wrote is not passed
// over, nor is anything behind it applied, and no snapshot stands for it.
func TestAnUnreadableEntryStopsTheReplica(t *testing.T) {
	good := Entry{At: Mark{1, 1}, Items: []Item{protocol.Created{Config: oneShard}, protocol.EpochClaimed{Epoch: 1}}}.Encode()
	newer := append([]byte{entryVersion + 1}, good[1:]...)
	for name, bad := range map[string][]byte{"newer": newer, "cut": good[:len(good)-1], "empty": {}} {
		r := &Replica{machine: NewMachine(State{}, 0), failed: make(chan struct{}), logger: hclog.NewNullLogger()}
		apply := func(index uint64, data []byte) any { return (fsm{r}).Apply(&raft.Log{Index: index, Data: data}) }
		if err, _ := apply(1, bad).(error); !errors.Is(err, ErrUnreadable) || !errors.Is(r.Err(), ErrUnreadable) {
			t.Errorf("%s: %v, the replica says %v", name, err, r.Err())
		}
		if err, _ := apply(2, good).(error); !errors.Is(err, ErrUnreadable) {
			t.Errorf("%s: what comes behind it gives %v", name, err)
		}
		if s, applied := r.machine.State(); applied != 0 || s.Mark != (Mark{}) {
			t.Errorf("%s: applied up to %d, mark %v", name, applied, s.Mark)
		}
		if _, err := (fsm{r}).Snapshot(); !errors.Is(err, ErrUnreadable) {
			t.Errorf("%s: a snapshot gives %v", name, err)
		}
	}
}

// TestAnEntryCountsAsAWholeOrNotAtAll: what is out of order at its end undoes its
// beginning.
func TestAnEntryCountsAsAWholeOrNotAtAll(t *testing.T) {
	c := &chain{t: t}
	m := NewMachine(State{}, 0)
	apply := func(e Entry) error { _, at := m.State(); return m.Apply(at+1, e.Encode()) }
	if err := apply(Entry{At: Mark{1, 1}, Items: []Item{protocol.Created{Config: oneShard}, protocol.EpochClaimed{Epoch: 1}}}); err != nil {
		t.Fatal(err)
	}
	c.config, c.epoch = oneShard, 1
	p, q := c.propose("a"), c.propose("b")
	if err := apply(Entry{At: Mark{1, 2}, After: Mark{1, 1}, Items: []Item{p, q}}); err != nil {
		t.Fatal(err)
	}
	before := logical(m)
	good := c.decide()
	bad := *good
	bad.Root[0]++
	far := *q
	far.Height = 9
	for what, items := range map[string][]Item{
		"a decision that does not follow":    {good, &bad},
		"a root that is wrong":               {&bad},
		"a proposal above a gap":             {&far},
		"the cluster made again":             {protocol.Created{Config: oneShard}},
		"an epoch claimed in passing":        {protocol.EpochClaimed{Epoch: 1}},
		"a shard that is not there":          {protocol.Joined{Shard: 5}},
		"another block withdrawn":            {protocol.Withdrawn{Height: 1, Key: "b"}},
		"a decided height withdrawn":         {good, protocol.Withdrawn{Height: 1, Key: "a"}},
		"a record of a shard":                {protocol.EpochSeen{Epoch: 1}},
		"a member with another directory":    {Enrolled{"c1", protocol.DirectoryID{1}}, Enrolled{"c1", protocol.DirectoryID{2}}},
		"a decision of an epoch yet to come": {func() *protocol.Decision { d := *good; d.Attempt.Epoch = 7; return &d }()},
	} {
		e := Entry{At: Mark{1, 3}, After: Mark{1, 2}, Items: items}
		if err := apply(e); !errors.Is(err, ErrOrder) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, e := range map[string]Entry{
		"a number left out":                 {At: Mark{1, 4}, After: Mark{1, 3}},
		"a number again":                    {At: Mark{1, 2}, After: Mark{1, 1}},
		"a claim on what was overtaken":     {At: Mark{2, 1}, After: Mark{1, 1}, Items: []Item{protocol.EpochClaimed{Epoch: 2}}},
		"an entry of an epoch never begun":  {At: Mark{2, 2}, After: Mark{2, 1}},
		"a claim of a lower epoch":          {At: Mark{0, 1}, After: Mark{0, 0}, Items: []Item{protocol.EpochClaimed{}}},
		"an entry on nothing, from nowhere": {At: Mark{3, 1}, Items: []Item{protocol.EpochClaimed{Epoch: 3}}},
	} {
		if err := apply(e); !errors.Is(err, ErrFenced) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, e := range map[string]Entry{
		"an epoch without a claim":       {At: Mark{2, 1}, After: Mark{1, 2}},
		"a claim that is not the first":  {At: Mark{2, 2}, After: Mark{1, 2}, Items: []Item{protocol.EpochClaimed{Epoch: 2}}},
		"an epoch claimed for another":   {At: Mark{2, 1}, After: Mark{1, 2}, Items: []Item{protocol.EpochClaimed{Epoch: 3}}},
		"a number that skips one of its": {At: Mark{1, 4}, After: Mark{1, 2}},
	} {
		if err := apply(e); !errors.Is(err, ErrOrder) {
			t.Errorf("%s: %v", what, err)
		}
	}
	s, applied := m.State()
	if !bytes.Equal(before, encodeHead(withoutRecent(s), 2)) {
		t.Errorf("something changed: %+v at %d", s, applied)
	}
	if err := apply(Entry{At: Mark{1, 3}, After: Mark{1, 2}, Items: []Item{good}}); err != nil {
		t.Error(err)
	}
}

// TestHeadsComeBack: every bit of a head is told from another.
func TestHeadsComeBack(t *testing.T) {
	m := NewMachine(State{}, 0)
	c := &chain{t: t, config: oneShard, epoch: 1}
	items := []Item{protocol.Created{Config: oneShard}, protocol.EpochClaimed{Epoch: 1}, protocol.Joined{Directory: protocol.DirectoryID{3}},
		Enrolled{"c1", protocol.DirectoryID{1}}, Enrolled{"c2", protocol.DirectoryID{2}}, c.propose("a"), c.propose("b"), c.propose("c"), c.decide(), Needed{1},
		&protocol.Resolved{Height: 2, Key: "b", By: "ann", What: "do", Action: protocol.ResolveRetry}}
	if err := m.Apply(7, Entry{At: Mark{1, 1}, Items: items}.Encode()); err != nil {
		t.Fatal(err)
	}
	head := m.Head()
	again, applied, err := Resume(head)
	if err != nil || applied != 7 || !bytes.Equal(again.Head(), head) {
		t.Fatalf("got %d, %v", applied, err)
	}
	s, _ := again.State()
	if len(s.Recent) != 1 || len(s.Pending) != 2 || len(s.Resolved) != 1 || s.Resolved[0].By != "ann" || !maps.Equal(s.Enrolled, map[string]protocol.DirectoryID{"c1": {1}, "c2": {2}}) {
		t.Errorf("got %+v", s)
	}
	for i := range head {
		for _, mask := range []byte{1, 128} {
			flipped := slices.Clone(head)
			flipped[i] ^= mask
			if _, _, err := Resume(flipped); !errors.Is(err, ErrHead) {
				t.Fatalf("byte %d: %v", i, err)
			}
		}
		if _, _, err := Resume(head[:i]); !errors.Is(err, ErrHead) {
			t.Fatalf("%d bytes: %v", i, err)
		}
	}
}

// TestActsAreBounded: of what operators did, the newest is remembered; without
// any, the head is one that older releases read.
func TestActsAreBounded(t *testing.T) {
	var s State
	if head := encodeHead(s, 1); head[0] != headVersion {
		t.Fatalf("the head of a state without acts has version %d", head[0])
	}
	for i := range protocol.MaxResolved + 3 {
		before := s
		if err := s.add(&protocol.Resolved{Height: protocol.Height(i)}); err != nil {
			t.Fatal(err)
		}
		if n := len(before.Resolved); n > 0 && before.Resolved[n-1].Height != protocol.Height(i-1) {
			t.Fatalf("act %d changed a copy of the state", i)
		}
	}
	if n := len(s.Resolved); n != protocol.MaxResolved || s.Resolved[0].Height != 3 || s.Resolved[n-1].Height != protocol.MaxResolved+2 {
		t.Fatalf("%d acts from %d on", n, s.Resolved[0].Height)
	}
}

// FuzzEntry: nothing that is no entry is taken for one, and what is comes back.
func FuzzEntry(ff *testing.F) {
	f := fuzz.New(ff)
	f.Add(Entry{At: Mark{1, 1}, Items: []Item{protocol.Created{Config: oneShard}, protocol.EpochClaimed{Epoch: 1}, Enrolled{"c1", protocol.DirectoryID{1}}, Needed{4}}}.Encode())
	f.Add([]byte{1})
	f.Bound(1<<10, 1<<20)
	f.Fuzz(func(t testing.TB, b []byte) {
		e, err := DecodeEntry(b)
		if err != nil {
			return
		}
		if again := e.Encode(); !bytes.Equal(again, b) {
			t.Errorf("%x\nbecame\n%x", b, again)
		}
	})
}
