package telemetry

import (
	"errors"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
)

// clock stands still until a test moves it.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func (c *clock) move(seconds int) { c.at = c.at.Add(time.Duration(seconds) * time.Second) }

func attempt(h protocol.Height) protocol.AttemptID {
	return protocol.AttemptID{Height: h, Epoch: 1, Attempt: 1}
}

// watched is a shard whose steps a test makes up.
func watched() (*Shard, *clock) {
	s, c := NewShard(cli.Build{}), &clock{time.Unix(1000, 0)}
	s.watch.now = c.now
	return s, c
}

func vote(v protocol.Vote) []protocol.Envelope { return []protocol.Envelope{{Message: &v}} }

func TestPhasesOfAnAttempt(t *testing.T) {
	s, c := watched()
	a, node := attempt(1), s.Watch().Node
	node.Stepped(protocol.Received{}, &protocol.Effects{Execute: []*protocol.Execute{{Attempt: a}}})
	c.move(1)
	node.Stepped(protocol.Executed{Attempt: a}, &protocol.Effects{Send: vote(protocol.Vote{Attempt: a, Yes: true})})
	c.move(2)
	node.CarriedOut()
	c.move(4)
	commit := protocol.Received{Envelope: protocol.Envelope{Message: protocol.Commit{Committed: protocol.Committed{Attempt: a}}}}
	node.Stepped(commit, &protocol.Effects{Apply: []protocol.Committed{{Attempt: a}}})
	c.move(8)
	node.CarriedOut()
	node.Stepped(commit, &protocol.Effects{}) // repeated
	node.CarriedOut()
	want := map[string]float64{phaseExecute: 1, phasePrepare: 2, phaseAwait: 4, phaseCommit: 8}
	for _, m := range ours(t, s.Registry(busyShard()))["lockstep_attempt_phase_seconds"].GetMetric() {
		phase, h := m.GetLabel()[0].GetValue(), m.GetHistogram()
		if h.GetSampleCount() != 1 || h.GetSampleSum() != want[phase] {
			t.Errorf("%s: %d observations, in all %v s, want 1 of %v s", phase, h.GetSampleCount(), h.GetSampleSum(), want[phase])
		}
	}
	if len(s.watch.attempts) != 0 {
		t.Errorf("%d attempts are remembered that are over", len(s.watch.attempts))
	}
}

func TestRefusalsAreCountedByCause(t *testing.T) {
	s, _ := watched()
	r, node := s.Registry(busyShard()), s.Watch().Node
	node.Stepped(protocol.Received{}, &protocol.Effects{Execute: []*protocol.Execute{{Attempt: attempt(1)}}})
	why := protocol.Refusal{Reason: "too long a sentence for a label", Cause: protocol.CausePeer}
	node.Stepped(protocol.Executed{Attempt: attempt(1), Failure: &why}, &protocol.Effects{
		Send:  vote(protocol.Vote{Attempt: attempt(1), Refusal: why}),
		Notes: []protocol.Note{{Kind: protocol.NoteRefusedVote}},
	})
	for _, metric := range [][2]string{{"refused_attempts_total", "peer"}, {"votes_total", "no"}, {"notes_total", "refused_vote"}} {
		if n := sample(t, r, "lockstep_"+metric[0], metric[1]); n != 1 {
			t.Errorf("%v is %v, want 1", metric, n)
		}
	}
	if n := sample(t, r, "lockstep_attempt_phase_seconds", phaseExecute); n != 0 || len(s.watch.attempts) != 0 {
		t.Errorf("a refused attempt leaves %v observations and %d attempts", n, len(s.watch.attempts))
	}
}

func TestDroppedAttemptsAreForgotten(t *testing.T) {
	s, _ := watched()
	var executes []*protocol.Execute
	for h := range protocol.Height(3) {
		executes = append(executes, &protocol.Execute{Attempt: attempt(h + 1)})
	}
	s.watch.Stepped(protocol.Received{}, &protocol.Effects{Execute: executes})
	s.watch.Stepped(protocol.Received{}, &protocol.Effects{Drop: []protocol.AttemptID{attempt(2)}})
	if len(s.watch.attempts) != 1 || s.watch.attempts[attempt(1)] == nil {
		t.Errorf("kept %v, want height 1 alone", s.watch.attempts)
	}
}

func TestInDoubtIsWhatNobodyCanBeAskedAbout(t *testing.T) {
	p := busyShard()
	p.status.Prepared = []executor.PreparedStatus{{Since: time.Now().Add(-time.Hour)}, {Since: time.Now()}}
	r := NewShard(cli.Build{}).Registry(p)
	for _, welcomed := range []bool{true, false} {
		p.status.Welcomed = welcomed
		doubtful, age := 2.0, 3600.0
		if welcomed {
			doubtful, age = 0, 0
		}
		if n := sample(t, r, "lockstep_in_doubt_attempts", ""); n != doubtful {
			t.Errorf("welcomed %v: %v in doubt, want %v", welcomed, n, doubtful)
		}
		if n := sample(t, r, "lockstep_in_doubt_oldest_age_seconds", ""); n < age || n > age+60 {
			t.Errorf("welcomed %v: in doubt for %v s, want %v", welcomed, n, age)
		}
		if n := sample(t, r, "lockstep_prepared_attempts", ""); n != 2 {
			t.Errorf("welcomed %v: %v prepared, want 2", welcomed, n)
		}
	}
}

func TestCheckpointsThatArePutOffAreCountedApart(t *testing.T) {
	s, _ := watched()
	s.Watch().Checkpoints(time.Second, nil)
	s.Watch().Checkpoints(0, errors.New("full"))
	r := s.Registry(busyShard())
	for _, name := range []string{"lockstep_checkpoint_seconds", "lockstep_checkpoints_put_off_total"} {
		if n := sample(t, r, name, ""); n != 1 {
			t.Errorf("%s is %v, want 1", name, n)
		}
	}
}
