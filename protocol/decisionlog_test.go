package protocol

import (
	"maps"
	"slices"
	"testing"
)

// What is read of the log at one moment is not changed by what is appended later,
// whichever kind of record that is.
func TestACopyOfTheDecisionLogStays(t *testing.T) {
	var l DecisionLog
	epoch := Epoch(1)
	add := func(records ...Record) {
		t.Helper()
		for _, r := range records {
			if err := l.Add(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	propose := func(h Height, key string) *Proposed {
		return &Proposed{Height: h, Epoch: epoch, Key: key, Block: BlockID(key, nil)}
	}
	decide := func() *Decision {
		p := l.Pending[0]
		d := &Decision{Attempt: AttemptID{Height: l.Height() + 1, Epoch: epoch, Attempt: 1}, Key: p.Key, Block: p.Block, Digests: make([]Digest, 2)}
		var root Digest
		if l.Decided != nil {
			d.Parent, root = l.Decided.Attempt, l.Decided.Root
		}
		d.Root = ChainRoot(root, d.Height(), d.Block, d.Digests)
		return d
	}
	add(Created{testConfig("c1", 2)}, EpochClaimed{epoch}, Joined{Shard: 0}, propose(1, "a"), propose(2, "b"), propose(3, "c"))
	add(decide())

	copied := l
	joined, recent, pending := maps.Clone(copied.Joined), slices.Clone(copied.Recent), slices.Clone(copied.Pending)
	add(Joined{Shard: 1}, propose(4, "d"), Withdrawn{2, "b"}, propose(4, "e"))
	add(decide())
	l.Forget(1)
	add(propose(5, "f"))
	if copied.Height() != 1 || copied.Kept() != 0 || !maps.Equal(copied.Joined, joined) || !slices.Equal(copied.Recent, recent) || !slices.Equal(copied.Pending, pending) {
		t.Errorf("the copy became %+v", copied)
	}
	if l.Height() != 2 || l.Kept() != 1 || l.Decided.Key != "c" || len(l.Joined) != 2 || len(l.Pending) != 3 {
		t.Errorf("the log came to %+v", l)
	}
}

// A record whose height is further above the log than an int can say changes nothing.
func TestAWithdrawnRecordFarAboveChangesNothing(t *testing.T) {
	var l DecisionLog
	for _, h := range []Height{1, 2, 1<<63 + 1, ^Height(0)} {
		if err := l.Add(Withdrawn{Height: h, Key: "k"}); err != nil {
			t.Errorf("height %d: %v", h, err)
		}
	}
}
