package coordinator

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// undecided is how many blocks a coordinator has taken up and not decided.
func (f *office) undecided() int {
	now := f.Status()
	return now.Queued + len(now.InFlight)
}

// movedFrom waits until another member than this one leads.
func (c *council) movedFrom(old *office) *office {
	c.t.Helper()
	eventually(c.t, "the leader has changed", func() bool { return old.now.Load() == nil })
	return c.leads(c.but(old)...)
}

// takenFrom has another member lead: raft may give up on a hand-over that takes
// long, which then happens all the same, or not.
func (c *council) takenFrom(old *office) {
	c.t.Helper()
	led := old.now.Load()
	eventually(c.t, "another member leads", func() bool {
		return old.now.Load() != led || old.replica.Transfer("") == nil
	})
}

// isSentAway reads the end of a stream whose coordinator does not lead, and gives
// the address that it names.
func (c *blocksCall) isSentAway() string {
	c.t.Helper()
	err := c.ends(codes.Unavailable)
	at, elsewhere := wire.Leader(err)
	if !elsewhere {
		c.t.Errorf("the stream ended with %v", err)
	}
	return at
}

func TestFollowersSendStreamsOfBlocksToTheLeader(t *testing.T) {
	t.Parallel() // it waits more than it works
	c := newCouncil(t, 3)
	leader := c.leader()
	newPuppet(t, c.members[0])
	c.commits("a", 1)
	for _, f := range c.but(leader) {
		eventually(t, "it knows the leader", func() bool { return f.Ready() == nil })
		s := f.blocks()
		s.submit("b", patience, "a")
		if at := s.isSentAway(); at != leader.address {
			t.Errorf("sent to %q, the leader is at %q", at, leader.address)
		}
		f.holdsNothing()
	}
	c.commits("c", 2)
}

// TestAStreamOfBlocksEndsWithTheLeadership, after the answers that are known. The
// next leader takes up what the stream was told, and goes on in order.
func TestAStreamOfBlocksEndsWithTheLeadership(t *testing.T) {
	t.Parallel() // it waits more than it works
	c := newCouncil(t, 3)
	p := newPuppet(t, c.members[0])
	c.commits("a", 1)
	first := c.leader()
	s, idle := first.blocks(), first.blocks()
	idle.submit("a", patience, "")
	idle.commits("a", 1)
	s.submit("b", patience, "")
	eventually(t, "b is decided", func() bool { return first.now.Load().core.Height() == 2 })
	p.set(func(p *puppet) { p.idle = true })
	for _, key := range []string{"c", "d", "e"} {
		s.submit(key, patience, "")
	}
	eventually(t, "the attempts are on their way", func() bool { return p.holds() == 3 })
	c.takenFrom(first)
	s.commits("b", 2)
	s.isSentAway()
	idle.isSentAway()
	first.holdsNothing()

	next := c.movedFrom(first)
	p.release()
	again := next.blocks()
	again.submit("c", patience, "b")
	for _, key := range []string{"d", "e", "f"} {
		again.submit(key, patience, "")
	}
	for i, key := range []string{"c", "d", "e", "f"} {
		again.commits(key, uint64(i+3))
	}
	again.close()
	again.ends(codes.OK)
	next.holdsNothing()
}

// TestTheNextLeaderKnowsWhatComesAfterWhat is C9 across leaders: blocks that one
// has proposed are withdrawn by the next with the block that they come after, and
// the one after it does not know them.
func TestTheNextLeaderKnowsWhatComesAfterWhat(t *testing.T) {
	t.Parallel() // it waits more than it works
	c := newCouncil(t, 3)
	p := newPuppet(t, c.members[0])
	c.commits("a", 1)
	p.set(func(p *puppet) { p.idle = true })
	first := c.leader()
	s := first.blocks()
	for _, key := range []string{"b", "c", "d"} {
		s.submit(key, patience, "")
	}
	eventually(t, "all are proposed, and in the log", func() bool { return p.holds() == 3 && len(first.replica.State().Pending) == 3 })
	c.takenFrom(first)
	s.isSentAway()
	c.movedFrom(first)
	eventually(t, "they run again", func() bool { return c.leader().undecided() == 3 })
	c.tells("b", "", 300*time.Millisecond, func(out *wirepb.SubmitBlockResponse, _ error) bool {
		return out.GetDecision() == wirepb.Decision_DECISION_ABORTED
	})
	eventually(t, "those that come after it are withdrawn too", func() bool { return c.leader().undecided() == 0 })
	c.tells("c", "b", patience, func(_ *wirepb.SubmitBlockResponse, err error) bool {
		return status.Code(err) == codes.FailedPrecondition
	})
	var second *office
	eventually(t, "the leadership is handed over", func() bool {
		second = c.leader()
		return second.replica.Transfer("") == nil
	})
	if n := c.movedFrom(second).undecided(); n != 0 {
		t.Errorf("%d blocks are undecided that were withdrawn", n)
	}
	p.release()
	c.commits("x", 2)
}

// tells has whoever leads take a block up that comes after another one, asking
// again as a client does, and wants a certain answer.
func (c *council) tells(key, after string, timeout time.Duration, wanted func(*wirepb.SubmitBlockResponse, error) bool) {
	c.t.Helper()
	in := request(key, timeout, message(key, "k"))
	in.After = after
	eventually(c.t, "an answer for block "+key, func() bool {
		out, err := c.leader().client.SubmitBlock(context1(c.t), in)
		if _, elsewhere := wire.Leader(err); elsewhere || err == nil && out.Decision == wirepb.Decision_DECISION_UNKNOWN {
			return false
		}
		if !wanted(out, err) {
			c.t.Fatalf("block %q: %v, %v", key, out, err)
		}
		return true
	})
}
