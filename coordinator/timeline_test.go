package coordinator

import (
	"fmt"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// later moves the clock of the timelines.
func (d *desk) later(ms int) { d.clock = d.clock.Add(time.Duration(ms) * time.Millisecond) }

// timeline gives the one block with a key.
func (d *desk) timeline(key string) *wirepb.Timeline {
	d.t.Helper()
	list := d.timelines.Timelines(key)
	if len(list) != 1 {
		d.t.Fatalf("%d timelines of %q", len(list), key)
	}
	return list[0]
}

// refuses votes no on what a session was last told to execute.
func (d *desk) refuses(s protocol.Session, retry bool) {
	d.t.Helper()
	var x *protocol.Execute
	for _, m := range d.sent[s] {
		if e, ok := m.(*protocol.Execute); ok {
			x = e
		}
	}
	d.handle(from(s, d.Status().Epoch, &protocol.Vote{Attempt: x.Attempt, Refusal: protocol.Refusal{Reason: "no room", Retry: retry}}))
}

func TestTimelineOfABlock(t *testing.T) {
	d := newDesk(t)
	d.submits(1, "b", 0, "k")
	if got := d.timeline("b"); got.Height != 0 || got.Transactions != 1 || got.TakenUnixMs != 1000 {
		t.Errorf("queued: %v", got)
	}
	d.later(10)
	d.joins(0, protocol.Committed{})
	d.joins(1, protocol.Committed{})
	d.later(5)
	d.votes(10)
	d.later(2)
	d.votes(11)
	got := d.timeline("b")
	if got.End != wirepb.TimelineEnd_TIMELINE_END_COMMITTED || got.Height != 1 || got.VotedUs != 17000 || got.DecidedUs != 17000 || got.CommittedUs != 0 {
		t.Errorf("decided: %v", got)
	}
	if len(got.Attempts) != 1 || got.Attempts[0].BeganUs != 10000 || len(got.Attempts[0].Votes) != 2 {
		t.Fatalf("attempts %v", got.Attempts)
	}
	if v := got.Attempts[0].Votes; v[0].Shard != 0 || v[0].AtUs != 15000 || v[1].Shard != 1 || v[1].AtUs != 17000 || !v[1].Prepared || len(v[1].Digest) != 32 {
		t.Errorf("votes %v", v)
	}
	d.later(3)
	d.handle(from(10, 1, protocol.Ack{Committed: 1}))
	if got := d.timeline("b"); got.CommittedUs != 0 {
		t.Errorf("committed after one of two shards: %v", got)
	}
	d.handle(from(11, 1, protocol.Ack{Committed: 1}))
	if got := d.timeline("b"); got.CommittedUs != 20000 {
		t.Errorf("committed: %v", got)
	}
	a := d.timelines.Activity()
	if a.Blocks != 1 || a.Transactions != 1 || len(a.Outcomes) != 1 || a.Outcomes[0].Name != protocol.OutcomeApplied || a.Latency.Count != 1 || a.Latency.TotalUs != 17000 {
		t.Errorf("activity %v", a)
	}
}

func TestTimelineOfABlockThatIsTriedAgain(t *testing.T) {
	d := newDesk(t)
	d.joins(0, protocol.Committed{})
	d.joins(1, protocol.Committed{})
	d.submits(1, "b", 0, "k")
	d.submits(2, "above", 0, "k")
	d.later(1)
	// The last attempts that the sessions were told of are those of the block above.
	d.refuses(11, true)
	b, above := d.timeline("b"), d.timeline("above")
	if b.Attempts[0].GivenUpUs != 0 || above.Attempts[0].GivenUpUs != 1000 || len(above.Attempts[0].Votes) != 1 || above.Attempts[0].Votes[0].Reason != "no room" {
		t.Errorf("refused: %v and %v", b, above)
	}
	d.handle(protocol.Tick{Now: time.Now().Add(time.Minute)})
	if above = d.timeline("above"); above.AttemptsTotal != 2 || above.Attempts[1].GivenUpUs != 0 {
		t.Errorf("tried again: %v", above)
	}
	d.refuses(10, false)
	if above = d.timeline("above"); above.End != wirepb.TimelineEnd_TIMELINE_END_REJECTED || above.Reason == "" || above.Height != 0 {
		t.Errorf("rejected: %v", above)
	}
	if a := d.timelines.Activity(); a.Rejected != 1 || a.AttemptsGivenUp != 2 || a.Blocks != 0 {
		t.Errorf("activity %v", a)
	}
}

func TestTimelinesOfWhatTheLogHolds(t *testing.T) {
	d := newDesk(t)
	d.joins(0, protocol.Committed{})
	d.joins(1, protocol.Committed{})
	d.submits(1, "b", 0, "k")
	if err := d.log.force(); err != nil {
		t.Fatal(err)
	}
	d = openDesk(t, d.log, d.history)
	if got := d.timeline("b"); got.Transactions != 1 || got.AttemptsTotal != 0 {
		t.Errorf("found in the log: %v", got)
	}
}

func TestSinceWhenShardsAreAway(t *testing.T) {
	d := newDesk(t)
	began := time.Unix(1, 0)
	tick := func(seconds int) {
		d.handle(protocol.Tick{Now: began.Add(time.Duration(seconds) * time.Second)})
	}
	away := func(shard int) time.Duration { return d.Status().Shards[shard].Away.Sub(began) }
	tick(0)
	d.joins(0, protocol.Committed{})
	if s := d.Status().Shards[0]; !s.Connected || !s.Away.IsZero() || away(1) != 0 {
		t.Errorf("shard 0 is connected, and away since %v; shard 1 for %v after the beginning", s.Away, away(1))
	}
	tick(5)
	d.handle(protocol.Closed{Session: 10})
	tick(12)
	// One that is refused is still away.
	d.handle(from(12, 0, &protocol.Hello{Shard: 0, Directory: protocol.DirectoryID{99}, Address: "there"}), protocol.Closed{Session: 12})
	if away(0) != 5*time.Second || away(1) != 0 {
		t.Errorf("away since %v and %v after the beginning", away(0), away(1))
	}
}

func TestTimelinesAreBounded(t *testing.T) {
	d := newDesk(t)
	d.joins(0, protocol.Committed{})
	d.joins(1, protocol.Committed{})
	const blocks = 200
	for i := range blocks {
		d.submits(protocol.Waiter(i+1), fmt.Sprint(i), 0, "k")
		d.votes(10)
		d.votes(11)
	}
	list := d.timelines.Timelines("")
	if len(list) != 64 || list[0].Key != fmt.Sprint(blocks-1) {
		t.Errorf("%d timelines, the newest of %q", len(list), list[0].Key)
	}
	if a := d.timelines.Activity(); a.Blocks != blocks {
		t.Errorf("%d blocks are counted", a.Blocks)
	}
}
