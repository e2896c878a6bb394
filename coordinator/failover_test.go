package coordinator

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// TestAMemberThatLostItsDiskElectsNobody: under its old name it has forgotten what
// it acknowledged, and two of three would lose a block with its vote.
func TestAMemberThatLostItsDiskElectsNobody(t *testing.T) {
	t.Parallel() // it waits more than it works
	c := newCouncil(t, 3)
	first := c.leader()
	newPuppet(t, c.members[0])
	c.commits("a", 1)
	wiped, behind := c.but(first)[0], c.but(first)[1]
	eventually(t, "everybody is enrolled", func() bool { return len(behind.replica.State().Enrolled) == 3 })
	c.kill(behind)
	c.commits("b", 2) // on the first, and on the one that loses it
	c.kill(wiped)
	wiped.options.Directory = t.TempDir()
	c.raise(wiped)
	eventually(t, "the leader refuses it", func() bool { return refuses(first, wiped) })
	c.kill(first)
	c.raise(behind)
	eventually(t, "the other one refuses it", func() bool { return refuses(behind, wiped) })
	term := behind.replica.Status().Term
	for end := time.Now().Add(10 * behind.options.Timing.Election); time.Now().Before(end); <-time.After(10 * time.Millisecond) {
		for _, f := range []*office{wiped, behind} {
			if s := f.replica.Status(); s.Role == replica.RoleLeader || f.now.Load() != nil {
				t.Fatalf("%s leads in term %d, after term %d", f.options.Name, s.Term, term)
			}
		}
	}
	c.raise(first)
	c.commitsBy("b", 2, first, behind)
	c.commitsBy("c", 3, first, behind)
	if !refuses(first, wiped) || wiped.now.Load() != nil || wiped.Status().Decided != nil {
		t.Error("the one without its disk takes part")
	}
}

// refuses reports whether a member has refused another one, or was refused.
func refuses(by, whom *office) bool {
	for _, p := range by.replica.Status().Peers {
		if p.Name == whom.options.Name {
			return p.Refusal != ""
		}
	}
	return false
}

// TestALeaderThatIsCutOffDecidesNothing: the votes reach it, and the others do
// not. Its client is told no outcome; the others decide the block, once.
func TestALeaderThatIsCutOffDecidesNothing(t *testing.T) {
	t.Parallel() // it waits more than it works
	for _, dies := range []bool{false, true} {
		t.Run(fmt.Sprint("dies: ", dies), func(t *testing.T) {
			c := newCouncil(t, 3)
			p := newPuppet(t, c.members[0])
			c.commits("a", 1)
			p.set(func(p *puppet) { p.idle = true })
			old := c.leader()
			answers := make(chan error, 1)
			go func() {
				out, err := old.submits("b", patience)
				if err == nil && out.Decision != wirepb.Decision_DECISION_UNKNOWN {
					err = fmt.Errorf("told %v", out)
				} else if _, elsewhere := wire.Leader(err); err == nil || elsewhere {
					err = nil
				}
				answers <- err
			}()
			eventually(t, "the attempt is on its way", func() bool { return p.holds() == 1 })
			before := old.replica.Status().Last
			c.isolate(old)
			p.release()
			eventually(t, "the decision is in the log of the old leader, or it has noticed", func() bool {
				return old.replica.Status().Last > before || old.now.Load() == nil
			})
			if dies {
				c.kill(old)
			}
			if err := receive(t, "an answer", answers); err != nil {
				t.Error(err)
			}
			rest := c.but(old)
			c.commitsBy("b", 2, rest...)
			c.commitsBy("c", 3, rest...)
			if dies {
				c.raise(old)
			} else {
				if _, err := old.submits("d", patience); err == nil {
					t.Error("the old leader takes blocks up")
				}
				c.heal(old)
			}
			eventually(t, "the old leader knows what was decided", func() bool { return old.Status().Kept == 3 })
			d, ok, err := old.replica.History().ByKey("b")
			if err != nil || !ok || d.Height() != 2 {
				t.Errorf("the old leader has %v, %v, %v", d, ok, err)
			}
		})
	}
}

func TestFiveMembersGoOnWithoutTwo(t *testing.T) {
	t.Parallel() // it waits more than it works
	c := newCouncil(t, 5)
	newPuppet(t, c.members[0])
	c.commits("a", 1)
	first := c.leader()
	c.kill(first)
	c.commits("b", 2)
	second := c.leader()
	c.kill(second)
	c.commits("c", 3)
	third := c.but(first, second)[0]
	c.kill(third)
	left := c.but(first, second, third)
	eventually(t, "two of five decide nothing", func() bool { return left[0].now.Load() == nil && left[1].now.Load() == nil })
	if _, err := left[0].submits("d", patience); err == nil {
		t.Error("two of five take a block up")
	}
	c.raise(first)
	c.commits("d", 4)
	c.raise(second)
	c.raise(third)
	for _, f := range c.members {
		eventually(t, f.options.Name+" has all decisions", func() bool { return f.Status().Kept == 4 })
	}
}

// TestTransfersUnderLoad: clients ask again until they know, and every block is
// committed once.
func TestTransfersUnderLoad(t *testing.T) {
	t.Parallel() // it waits more than it works
	const clients, each, transfers = 4, 25, 5
	c := newCouncil(t, 3)
	newPuppet(t, c.members[0])
	c.commits("first", 1)
	var group sync.WaitGroup
	for i := range clients {
		group.Go(func() {
			for j := range each {
				c.insists(fmt.Sprintf("%d-%d", i, j))
			}
		})
	}
	for round := range transfers {
		leader := c.leader()
		if err := leader.replica.Transfer(""); err != nil {
			t.Logf("transfer %d: %v", round, err)
			continue
		}
		eventually(t, "the leader has changed", func() bool { return leader.now.Load() == nil })
		c.leader()
	}
	group.Wait()
	const all = clients*each + 1
	c.commits("last", all+1)
	out, err := c.leader().client.ListBlocks(context1(t), &wirepb.ListBlocksRequest{FromHeight: 1, Limit: 1000})
	if err != nil || len(out.Blocks) != all+1 {
		t.Fatalf("%d blocks, want %d: %v", len(out.GetBlocks()), all+1, err)
	}
	keys := map[string]bool{}
	for _, b := range out.Blocks {
		if keys[b.Key] {
			t.Errorf("block %q is committed twice", b.Key)
		}
		keys[b.Key] = true
	}
}

// insists submits a block to one member after the other, until one says that it is
// committed.
func (c *council) insists(key string) {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		for _, f := range c.members {
			out, err := f.submits(key, patience)
			if err == nil && out.Decision == wirepb.Decision_DECISION_COMMITTED {
				return
			}
			if err == nil && out.Decision != wirepb.Decision_DECISION_UNKNOWN {
				c.t.Errorf("block %q: %v", key, out)
				return
			}
		}
	}
	c.t.Errorf("block %q is not committed within %v", key, patience)
}
