package coordinator

import (
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc/codes"

	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// council is several coordinators of one cluster, each with its own disk and
// server.
type council struct {
	t       *testing.T
	members []*office
	links   *links
}

// patientTiming keeps a leader although the machine is busy with other tests.
var patientTiming = replica.Timing{Heartbeat: time.Second, Election: time.Second, Lease: 700 * time.Millisecond}

func newCouncil(t *testing.T, n int) *council {
	c := &council{t: t, links: newLinks()}
	var members []replica.Member
	for i := range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, replica.Member{Name: fmt.Sprint("c", i+1), Address: l.Addr().String()})
		c.members = append(c.members, &office{t: t, listens: l, address: l.Addr().String()})
	}
	for i, f := range c.members {
		f.options = Options{Directory: t.TempDir(), Name: members[i].Name, Address: members[i].Address, Members: members, Shards: 1, Dial: c.links.from(members[i].Address),
			MinFreeBytes: -1, Logger: hclog.NewNullLogger(),
			Timing: patientTiming}
		for j, m := range members {
			if j != i {
				f.others = append(f.others, m.Address)
			}
		}
		f.start()
	}
	t.Cleanup(func() {
		for _, f := range c.members {
			if f.up {
				f.stop()
			}
		}
	})
	return c
}

// isolate cuts a member off from all others, and from nobody else.
func (c *council) isolate(f *office) { c.links.isolate(f.address, f.others) }

// heal undoes isolate.
func (c *council) heal(f *office) { c.links.heal(f.address, f.others) }

// kill stops a member that has no time to hand anything over. What it has on its
// disk stays.
func (c *council) kill(f *office) {
	c.t.Helper()
	c.isolate(f)
	if err := f.stop(); err != nil {
		c.t.Fatal(err)
	}
}

// raise starts a member that was killed.
func (c *council) raise(f *office) {
	c.t.Helper()
	c.heal(f)
	f.start()
}

// but gives the members without some.
func (c *council) but(some ...*office) (rest []*office) {
	for _, f := range c.members {
		if !slices.Contains(some, f) {
			rest = append(rest, f)
		}
	}
	return rest
}

// leader waits for one of the members to lead.
func (c *council) leader() *office { return c.leads(c.members...) }

// leads waits for one of some members to lead.
func (c *council) leads(some ...*office) (leader *office) {
	c.t.Helper()
	eventually(c.t, "one of the members leads", func() bool {
		for _, f := range some {
			if f.up && f.now.Load() != nil {
				leader = f
			}
		}
		return leader != nil
	})
	return leader
}

// commits has a block committed by whoever leads, asking again as a client does.
func (c *council) commits(key string, height uint64) {
	c.t.Helper()
	c.commitsBy(key, height, c.members...)
}

// commitsBy has a block committed by one of some members.
func (c *council) commitsBy(key string, height uint64, some ...*office) {
	c.t.Helper()
	eventually(c.t, "block "+key+" is committed", func() bool {
		out, err := c.leads(some...).submits(key, patience)
		if _, elsewhere := wire.Leader(err); elsewhere || err == nil && out.Decision == wirepb.Decision_DECISION_UNKNOWN {
			return false
		}
		if err != nil || out.Decision != wirepb.Decision_DECISION_COMMITTED || out.Block.GetHeight() != height {
			c.t.Fatalf("block %q, want it committed at height %d: %v, %v", key, height, out, err)
		}
		return true
	})
}

func TestFollowersSendClientsToTheLeader(t *testing.T) {
	t.Parallel() // it waits more than it works
	c := newCouncil(t, 3)
	leader := c.leader()
	newPuppet(t, c.members[0])
	c.commits("a", 1)
	for _, f := range c.members {
		if f == leader {
			continue
		}
		eventually(t, "the decision is in its history", func() bool { return f.Status().Kept == 1 })
		if err := f.Ready(); err != nil {
			t.Errorf("%s: %v", f.options.Name, err)
		}
		_, submit := f.submits("b", patience)
		_, get := f.client.Get(context1(t), &wirepb.GetRequest{Keys: [][]byte{[]byte("k")}})
		_, block := f.client.GetBlock(context1(t), &wirepb.GetBlockRequest{By: &wirepb.GetBlockRequest_Height{Height: 1}})
		_, list := f.client.ListBlocks(context1(t), &wirepb.ListBlocksRequest{})
		watch, err := f.client.Watch(context1(t), &wirepb.WatchRequest{})
		if err == nil {
			_, err = watch.Recv()
		}
		for what, err := range map[string]error{"submit": submit, "get": get, "get block": block, "list blocks": list, "watch": err} {
			wantCode(t, err, codes.Unavailable)
			if at, ok := wire.Leader(err); !ok || at != leader.address {
				t.Errorf("%s: sent to %q (%v), the leader is at %q: %v", what, at, ok, leader.address, err)
			}
		}
		out, err := f.client.Status(context1(t), &wirepb.StatusRequest{})
		if err != nil || out.Status.Height != 1 {
			t.Errorf("status of %s: %v, %v", f.options.Name, out, err)
		}
	}
}

// TestALeaderHandsOverBeforeItStops: shards and clients find the next one, which
// knows all, and the one that stopped comes back.
func TestALeaderHandsOverBeforeItStops(t *testing.T) {
	t.Parallel() // it waits more than it works
	c := newCouncil(t, 3)
	newPuppet(t, c.members[0])
	for round := range uint64(3) {
		c.commits(fmt.Sprint("block", round+1), round+1)
		first := c.leader()
		if err := first.stop(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		next := c.leader()
		t.Logf("handed over in %v", time.Since(began))
		if next.Status().Epoch < protocol.Epoch(round+2) {
			t.Errorf("epoch %d after %d leaders", next.Status().Epoch, round+1)
		}
		c.commits("block1", 1)
		first.start()
	}
}

// TestABlockIsCommittedOnceAcrossLeaders: it is proposed by one leader and
// decided by the next, and its client gets the one true answer.
func TestABlockIsCommittedOnceAcrossLeaders(t *testing.T) {
	t.Parallel() // it waits more than it works
	c := newCouncil(t, 3)
	p := newPuppet(t, c.members[0])
	c.commits("a", 1)
	p.set(func(p *puppet) { p.idle = true })
	leader := c.leader()
	answers := make(chan error, 1)
	go func() {
		_, err := leader.submits("b", patience)
		answers <- err
	}()
	eventually(t, "the attempt is on its way", func() bool { return p.holds() == 1 })
	c.takenFrom(leader)
	if err := receive(t, "an answer", answers); err == nil {
		t.Error("the client of the first leader was told an outcome")
	} else if _, elsewhere := wire.Leader(err); !elsewhere {
		t.Errorf("the client was told %v", err)
	}
	p.set(func(p *puppet) { p.idle = false })
	c.commits("b", 2)
	c.commits("c", 3)
}
