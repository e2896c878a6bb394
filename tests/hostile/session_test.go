package hostile

import (
	"strings"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// TestLiesThatAreRefused: the session of the liar ends, the log says why and names the
// shard, and when the liar tells the truth again everything goes on.
func TestLiesThatAreRefused(t *testing.T) {
	outcomes := func(names ...string) protocol.Outcomes {
		o := protocol.NewOutcomes(len(names))
		for i, name := range names {
			_ = o.Set(i, name)
		}
		return o
	}
	ofHello := func(change func(*protocol.Hello)) func(protocol.Message) protocol.Message {
		return bent(func(h *protocol.Hello) protocol.Message {
			lie := *h
			change(&lie)
			return &lie
		})
	}
	ofVote := func(change func(*protocol.Vote)) func(protocol.Message) protocol.Message {
		return bent(func(v *protocol.Vote) protocol.Message {
			lie := *v
			change(&lie)
			return &lie
		})
	}
	for name, lie := range map[string]struct {
		bend    func(protocol.Message) protocol.Message
		says    protocol.Message // out of turn
		reports []string
	}{
		"a vote on the transactions of others": {
			bend: ofVote(func(v *protocol.Vote) { v.Outcomes = outcomes("applied") }), reports: []string{"shard 2 votes", "1 outcomes, its sub-block has 0"}},
		"a commit that nobody decided": {
			says: protocol.Ack{Committed: 9}, reports: []string{"shard 2", "has committed height 9, but only 1 is decided"}},
		"a checkpoint above what is committed": {
			says: protocol.Ack{Committed: 1, Checkpointed: 9}, reports: []string{"shard 2", "has checkpointed height 9"}},
		"a second hello": {
			says: &protocol.Hello{Shard: 0, Directory: protocol.DirectoryID{9}, Address: "127.0.0.1:1"}, reports: []string{"shard 0", "second hello"}},
		"the number of another shard": {
			bend: ofHello(func(h *protocol.Hello) { h.Shard = 0 }), reports: []string{"shard 0 is bound to data directory"}},
		"a number that nobody has": {
			bend: ofHello(func(h *protocol.Hello) { h.Shard = 7 }), reports: []string{"there is no shard 7"}},
		"another cluster": {
			bend: ofHello(func(h *protocol.Hello) { h.Cluster[0]++ }), reports: []string{"shard 2 belongs to cluster"}},
		"other slots": {
			bend: ofHello(func(h *protocol.Hello) { h.Shards = 2 }), reports: []string{"shard 2 belongs to a cluster of 2 shards"}},
		"a history of its own": {
			bend:    ofHello(func(h *protocol.Hello) { h.Committed.Attempt.Height, h.Prepared = 5, nil }),
			reports: []string{"shard 2 has committed height 5"}},
		"another state": {
			bend: ofHello(func(h *protocol.Hello) { h.Committed.Digest[0]++ }), reports: []string{"shard 2 has digest", "the decision says"}},
		"prepared what nobody proposed": {
			bend: ofHello(func(h *protocol.Hello) {
				h.Prepared = []protocol.Vote{{Attempt: protocol.AttemptID{Height: 40, Epoch: 1, Attempt: 1}, Yes: true}}
			}), reports: []string{"shard 2 lists prepared attempt 40/1.1 out of order"}},
		"prepared in an epoch that it has not seen": {
			bend: ofHello(func(h *protocol.Hello) {
				h.Prepared = []protocol.Vote{{Attempt: protocol.AttemptID{Height: 2, Epoch: 9, Attempt: 1}, Yes: true}}
			}), reports: []string{"shard 2 lists prepared attempt 2/9.1", "no epoch above"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newTown(t)
			c.goesOn()
			hears(c.liar, "the Commit", func(m protocol.Commit) bool { return m.Attempt.Height == 1 })
			c.liar.bends(lie.bend)
			if lie.says != nil {
				c.liar.says(lie.says)
			} else {
				c.liar.returns()
			}
			answer := c.submit(patience, copies("goes on", false))
			c.reports(lie.reports...)
			c.sound()
			c.liar.bends(nil)
			c.commits(answer)
		})
	}
}

// TestVotesOnWhatItNeverGot: they count for nothing, however often they come.
func TestVotesOnWhatItNeverGot(t *testing.T) {
	c := newTown(t)
	c.restart() // so that there is an older epoch
	c.goesOn()
	c.liar.bends(bent(func(*protocol.Vote) protocol.Message { return nil }))
	answer := c.submit(patience, copies("goes on", false))
	a := c.liar.asked(2)
	for _, never := range []protocol.AttemptID{
		{Height: 2, Epoch: a.Epoch, Attempt: a.Attempt + 70}, // not begun yet
		{Height: 2, Epoch: a.Epoch - 1, Attempt: 1},          // of an older coordinator
		{Height: 50, Epoch: a.Epoch, Attempt: 1},
	} {
		for range 100 {
			c.liar.says(&protocol.Vote{Attempt: never, Yes: true})
		}
		hears(c.liar, "that it was aborted", func(m protocol.Abort) bool { return m.Attempt == never })
	}
	if h := c.height(); h != 1 {
		t.Fatalf("height %d is decided without the vote of shard 2", h)
	}
	vote := &protocol.Vote{Attempt: a, Yes: true}
	c.liar.says(vote, vote, vote, vote)
	c.commits(answer)
	c.liar.says(vote, vote) // late
	c.liar.bends(nil)
	c.goesOn()
}

// TestTwoDigests: a shard that gives one digest for its vote and has another
// afterwards is refused as diverged, for good, and nobody else is touched.
func TestTwoDigests(t *testing.T) {
	c := newTown(t)
	c.liar.bends(bent(func(v *protocol.Vote) protocol.Message {
		lie := *v
		lie.Digest[0]++
		return &lie
	}))
	c.goesOn() // with the digest that the liar owns up to
	// Its own state machine finds that it never prepared that digest, and is silent.
	c.liar.bends(nil)
	c.liar.forgets()
	c.reports("shard 2", "lost data")
	c.await("status names it", func() bool {
		r := c.Status().Shards[liarID].Rejected
		return r != nil && r.Kind == protocol.RejectLostData
	})
	wait := <-c.submit(200*time.Millisecond, copies("waits", false))
	if wait.err == nil && wait.GetDecision().String() == "DECISION_COMMITTED" {
		t.Error("a block is committed without shard 2")
	}
	c.sound()
}

// TestTwoVotes: who votes one thing and then another on one attempt is caught, and
// the coordinator decides nothing more: it cannot tell what else was a lie. Nothing is
// committed anywhere, and a restart runs the block again.
func TestTwoVotes(t *testing.T) {
	c := newTown(t)
	tx := copies("", true)
	answer := c.submit(patience, tx)
	a := c.liar.asked(1)
	c.liar.says(&protocol.Vote{Attempt: a, Yes: true, Digest: protocol.Digest{1}, Outcomes: protocol.NewOutcomes(1)})
	c.quarantined(answer, "shard 2 voted on attempt")
	c.recovers(tx)
}

// TestAnEpochThatDoesNotExist makes the coordinator step down, and nothing else.
func TestAnEpochThatDoesNotExist(t *testing.T) {
	c := newTown(t)
	c.liar.bends(bent(func(h *protocol.Hello) protocol.Message {
		lie := *h
		lie.Epoch = 1 << 40
		return &lie
	}))
	c.liar.returns()
	c.await("the coordinator steps down", func() bool {
		return strings.Contains(c.Status().Ended, "shard 2 has seen epoch 1099511627776")
	})
	for id, h := range c.shards {
		if s := h.Status(); s.Epoch >= 1<<40 || s.Committed.Height() != 0 {
			t.Errorf("shard %d believes it: %+v", id, s.ParticipantStatus)
		}
	}
	c.liar.bends(nil)
	c.restart()
	c.goesOn()
}

// TestACheckpointThatWasNotMade hurts whoever claims it: it comes back with less, and
// is refused.
func TestACheckpointThatWasNotMade(t *testing.T) {
	c := newTown(t)
	c.goesOn()
	c.liar.says(protocol.Ack{Committed: 1, Checkpointed: 1})
	c.await("it is believed", func() bool { return c.Status().Shards[liarID].Checkpointed == 1 })
	c.liar.forgets()
	c.reports("shard 2", "lost data")
	c.sound()
}

// TestAShardThatSaysItIsQuarantined is named with its words.
func TestAShardThatSaysItIsQuarantined(t *testing.T) {
	c := newTown(t)
	c.liar.says(protocol.Quarantined{Reason: "a lie"})
	c.await("status names it", func() bool { return c.Status().Shards[liarID].Quarantined == "a lie" })
	c.reports("shard 2", "a lie")
	c.goesOn() // for it still votes
}

// quarantined waits until the coordinator has found divergence, and checks that
// nothing was committed and that no client was told otherwise.
func (c *town) quarantined(from <-chan answer, why string) {
	c.t.Helper()
	c.await("the coordinator is quarantined: "+why, func() bool {
		return strings.Contains(c.Status().Ended, "quarantined") && strings.Contains(c.Status().Ended, why)
	})
	if a := <-from; a.err == nil && a.GetDecision() != wirepb.Decision_DECISION_UNKNOWN {
		c.t.Errorf("the client was told %v", a.SubmitBlockResponse)
	}
	for id, h := range c.shards {
		if s := h.Status(); s.Committed.Height() != 0 {
			c.t.Errorf("shard %d has committed height %d", id, s.Committed.Height())
		}
	}
	c.sound()
}

// recovers restarts the coordinator: the client asks again, and the liar is honest
// this time.
func (c *town) recovers(tx protocol.Transaction) {
	c.t.Helper()
	c.restart()
	c.blocks-- // the same key
	answer := c.submit(patience, tx)
	c.tellsTheTruth(1)
	c.commits(answer)
	c.goesOn()
}
