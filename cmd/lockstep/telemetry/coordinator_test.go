package telemetry

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol"
)

// desk is a coordinator with two shards whose steps a test makes up.
type desk struct {
	*Coordinator
	*clock
	node coordinator.Observer
}

func newDesk() desk {
	c, at := NewCoordinator(cli.Build{}), &clock{time.Unix(1000, 0)}
	c.watch.now = at.now
	return desk{c, at, c.Watch()}
}

func (d desk) received(s protocol.Session, m protocol.Message) {
	d.node.Stepped(protocol.Received{Envelope: protocol.Envelope{Session: s, Message: m}}, &protocol.Effects{})
}

func (d desk) submit(key string, answers ...protocol.Answer) {
	d.node.Stepped(protocol.Submitted{Block: &protocol.Block{Key: key}, Waiter: 1}, &protocol.Effects{Answer: answers})
}

func (d desk) begin(a protocol.AttemptID) {
	x := protocol.Envelope{Message: &protocol.Execute{Attempt: a}}
	d.node.Stepped(protocol.Tick{}, &protocol.Effects{Send: []protocol.Envelope{x, x}})
}

func (d desk) decide(key string, a protocol.AttemptID, outcomes ...string) {
	all := protocol.NewOutcomes(len(outcomes))
	for i, name := range outcomes {
		if err := all.Set(i, name); err != nil {
			panic(err)
		}
	}
	decision := &protocol.Decision{Attempt: a, Key: key, Digests: make([]protocol.Digest, 2), Outcomes: all}
	d.node.Stepped(protocol.Tick{}, &protocol.Effects{Decided: []*protocol.Decision{decision}})
}

func TestPhasesOfABlock(t *testing.T) {
	d, a := newDesk(), attempt(1)
	for s := range protocol.Session(2) {
		d.received(s+1, &protocol.Hello{Shard: protocol.ShardID(s)})
	}
	d.submit("b")
	d.move(1)
	d.begin(a)
	d.move(2)
	d.received(1, &protocol.Vote{Attempt: a, Yes: true})
	d.move(4)
	d.received(2, &protocol.Vote{Attempt: a, Yes: true})
	d.decide("b", a, "applied", "applied", "invalid")
	d.move(8)
	d.node.CarriedOut()
	d.move(8)
	d.received(1, protocol.Ack{Committed: 1})
	d.move(8)
	d.received(2, protocol.Ack{Committed: 1})
	r := d.Registry(leader())
	want := map[string]float64{phaseQueue: 1, phaseExecute: 2, phaseVote: 4, phaseDecide: 8, phaseCommit: 16}
	for _, m := range ours(t, r)["lockstep_block_phase_seconds"].GetMetric() {
		phase, h := m.GetLabel()[0].GetValue(), m.GetHistogram()
		if h.GetSampleCount() != 1 || h.GetSampleSum() != want[phase] {
			t.Errorf("%s: %d observations, in all %v s, want 1 of %v s", phase, h.GetSampleCount(), h.GetSampleSum(), want[phase])
		}
	}
	for label, n := range map[string]float64{"applied": 2, "invalid": 1, "other": 0} {
		if got := sample(t, r, "lockstep_transactions_total", label); got != n {
			t.Errorf("%v transactions were %s, want %v", got, label, n)
		}
	}
	if w := d.watch.track; len(w.taken)+len(w.heights)+len(w.decided)+len(w.deciding) != 0 {
		t.Errorf("a block is remembered that is over: %+v", w)
	}
}

// TestWhatIsNotDurableIsNotCounted: a decision counts when it is carried out.
func TestWhatIsNotDurableIsNotCounted(t *testing.T) {
	d := newDesk()
	d.begin(attempt(1))
	d.decide("b", attempt(1))
	if n := sample(t, d.Registry(leader()), "lockstep_blocks_total", "committed"); n != 0 {
		t.Errorf("%v blocks are counted as committed, want none", n)
	}
	d.node = d.Watch() // the next incarnation
	d.node.CarriedOut()
	r := d.Registry(leader())
	if n := sample(t, r, "lockstep_blocks_total", "committed"); n != 0 {
		t.Errorf("%v blocks are counted as committed, want none", n)
	}
	if n := sample(t, r, "lockstep_epochs_begun_total", ""); n != 2 {
		t.Errorf("%v epochs, want 2", n)
	}
}

func TestWhatWasNotTakenUpIsForgotten(t *testing.T) {
	d := newDesk()
	d.submit("refused", protocol.Answer{Waiter: 1, Verdict: protocol.VerdictOverloaded})
	d.submit("withdrawn")
	d.node.Stepped(protocol.Tick{}, &protocol.Effects{Persist: []protocol.Record{protocol.Withdrawn{Height: 1, Key: "withdrawn"}}})
	if n := len(d.watch.track.taken); n != 0 {
		t.Errorf("%d blocks are remembered, want none", n)
	}
	r := d.Registry(leader())
	if n := sample(t, r, "lockstep_answers_total", "overloaded"); n != 1 {
		t.Errorf("%v answers, want 1", n)
	}
	if n := sample(t, r, "lockstep_blocks_total", "withdrawn"); n != 1 {
		t.Errorf("%v withdrawn, want 1", n)
	}
}

func TestOutcomesAreBounded(t *testing.T) {
	d := newDesk()
	for i := range 2 * mostOutcomes {
		d.decide("b", attempt(protocol.Height(i+1)), fmt.Sprintf("outcome_%d", i))
	}
	d.node.CarriedOut()
	r := d.Registry(leader())
	if n := len(ours(t, r)["lockstep_transactions_total"].GetMetric()); n != mostOutcomes+1 {
		t.Errorf("%d outcomes are told apart, want %d and the others", n, mostOutcomes)
	}
	if n := sample(t, r, "lockstep_transactions_total", otherOutcome); n != mostOutcomes+2 {
		t.Errorf("%v others, want %d", n, mostOutcomes+2)
	}
}

func TestRejectedSessionsAreCountedByKind(t *testing.T) {
	d := newDesk()
	d.node.Stepped(protocol.Received{}, &protocol.Effects{Send: []protocol.Envelope{{Message: protocol.Reject{Kind: protocol.RejectLostData}}}})
	if n := sample(t, d.Registry(leader()), "lockstep_rejected_sessions_total", "lost_data"); n != 1 {
		t.Errorf("%v rejected, want 1", n)
	}
}

// TestFollowersSayNothingOfShards: they have no sessions with them.
func TestFollowersSayNothingOfShards(t *testing.T) {
	p := leader()
	r := NewCoordinator(cli.Build{}).Registry(p)
	if n := sample(t, r, "lockstep_shard_connected", "0"); n != 0 {
		t.Errorf("a shard without a session is %v, want 0", n)
	}
	p.group.Role = replica.RoleFollower
	if family := ours(t, r)["lockstep_shard_connected"]; family != nil {
		t.Errorf("a follower says %v", family)
	}
}

// TestOutcomesThatAreNoText: a shard that lies, or a machine that is wrong, may name
// an outcome anything. As a label that would be a panic, or a line of its own.
func TestOutcomesThatAreNoText(t *testing.T) {
	o := newOutcomes()
	for _, name := range []string{"\xff", "a\nlockstep_up 0", "\u202eevil"} {
		of := protocol.NewOutcomes(1)
		if err := of.Set(0, name); err != nil {
			t.Fatal(err)
		}
		o.add(of)
	}
	if n := testutil.ToFloat64(o.total.WithLabelValues(otherOutcome)); n != 3 {
		t.Errorf("%v outcomes are counted as %s", n, otherOutcome)
	}
}
