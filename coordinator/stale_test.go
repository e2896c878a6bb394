package coordinator

import (
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// TestALeaderThatDoesNotKnowThatItIsDeposedTellsNothingOld: as one whose process
// stood still while the others went on. Its lease is long instead.
func TestALeaderThatDoesNotKnowThatItIsDeposedTellsNothingOld(t *testing.T) {
	t.Parallel() // it waits more than it works
	c := newCouncil(t, 3)
	old := c.members[0]
	if err := old.stop(); err != nil {
		t.Fatal(err)
	}
	old.options.Timing = replica.Timing{Heartbeat: 10 * time.Second, Election: 10 * time.Second, Lease: 10 * time.Second}
	old.start()
	newPuppet(t, old)
	eventually(t, "it leads", func() bool {
		if old.now.Load() == nil {
			_ = c.leader().replica.Transfer(old.options.Name) // it may not be level yet
		}
		return old.now.Load() != nil
	})
	c.commitsBy("a", 1, old)
	looksUp := func(request *wirepb.GetBlockRequest) error {
		_, err := old.client.GetBlock(context1(t), request)
		return err
	}
	list := func() error {
		_, err := old.client.ListBlocks(context1(t), &wirepb.ListBlocksRequest{})
		return err
	}
	if err := list(); err != nil {
		t.Error(err)
	}
	c.isolate(old)
	old.sessions.CloseAll("stands still")
	c.commitsBy("b", 2, c.but(old)...)
	if old.now.Load() == nil {
		t.Skip("too slow: it has noticed by itself, as it does after some seconds")
	}
	asks := map[string]func() error{
		"block by key":    func() error { return looksUp(&wirepb.GetBlockRequest{By: &wirepb.GetBlockRequest_Key{Key: "b"}}) },
		"block by height": func() error { return looksUp(&wirepb.GetBlockRequest{By: &wirepb.GetBlockRequest_Height{Height: 2}}) },
		"list":            list,
		"read": func() error {
			_, err := old.client.Get(context1(t), &wirepb.GetRequest{Keys: [][]byte{[]byte("k")}})
			return err
		},
	}
	answers := make(map[string]chan error, len(asks))
	for what, ask := range asks {
		answer := make(chan error, 1)
		answers[what] = answer
		go func() { answer <- ask() }()
	}
	if err := looksUp(&wirepb.GetBlockRequest{By: &wirepb.GetBlockRequest_Key{Key: "a"}}); err != nil {
		t.Errorf("what is decided is decided: %v", err)
	}
	eventually(t, "it asks a majority", old.now.Load().currency.underWay)
	c.heal(old)
	for what, answer := range answers {
		if _, elsewhere := wire.Leader(receive(t, "an answer", answer)); !elsewhere {
			t.Errorf("%s: it answers", what)
		}
	}
}

func (c *currency) underWay() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asking
}
