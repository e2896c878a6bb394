package coordinator

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// going submits a block without waiting for it.
func (f *office) going(key string) chan *wirepb.SubmitBlockResponse {
	answers := make(chan *wirepb.SubmitBlockResponse, 1)
	go func() {
		out, err := f.submits(key, patience)
		if err != nil {
			f.t.Errorf("block %q: %v", key, err)
		}
		answers <- out
	}()
	return answers
}

func wantTurnedAway(t *testing.T, err error) {
	t.Helper()
	wantCode(t, err, codes.Unavailable)
	if leader, elsewhere := wire.Leader(err); !elsewhere || leader != "" || wire.IsNotMember(err) {
		t.Errorf("turned away with %v", err)
	}
}

// TestAPauseLetsOutWhatIsUnderWay, takes nothing new, and ends.
func TestAPauseLetsOutWhatIsUnderWay(t *testing.T) {
	f := newOffice(t, Options{})
	p := newPuppet(t, f)
	f.commits("a", 1)
	p.set(func(p *puppet) { p.idle = true })
	first, stream := f.going("b"), f.stream()
	send(t, stream, withTag(1, "x"))
	eventually(t, "both are under way", func() bool { return p.holds() == 2 })
	paused := make(chan func(), 1)
	go func() { paused <- f.Pause(context.Background()) }()
	eventually(t, "nothing new is taken up", func() bool { return f.now.Load().paused.Load() == 1 })
	_, err := f.submits("c", patience)
	wantTurnedAway(t, err)
	send(t, stream, withTag(2, "y"))
	f.commits("a", 1) // what is decided is told all the same
	select {
	case <-paused:
		t.Error("it does not wait for what is under way")
	default:
	}
	p.release()
	resume := receive(t, "the pause", paused)
	if out := receive(t, "an answer", first); out.GetDecision() != wirepb.Decision_DECISION_COMMITTED {
		t.Errorf("what was under way came to %v", out)
	}
	results, err := all(stream)
	wantTurnedAway(t, err)
	if len(results) != 1 || results[1].GetDecision() != wirepb.Decision_DECISION_COMMITTED {
		t.Errorf("the stream was told %v", results)
	}
	resume()
	f.commits("c", 4)
}

// TestAPauseIsBounded: what cannot be decided stays in the log.
func TestAPauseIsBounded(t *testing.T) {
	f := newOffice(t, Options{})
	p := newPuppet(t, f)
	p.set(func(p *puppet) { p.idle = true })
	answers := make(chan *wirepb.SubmitBlockResponse, 1)
	go func() {
		out, _ := f.submits("a", patience) // as it comes
		answers <- out
	}()
	eventually(t, "it is under way", func() bool { return p.holds() == 1 })
	began := time.Now()
	if err := f.stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took < pauseMost/2 || took > 4*pauseMost {
		t.Errorf("it stopped after %v", took)
	}
	if out := receive(t, "an answer", answers); out.GetDecision() == wirepb.Decision_DECISION_COMMITTED {
		t.Errorf("the block came to %v", out)
	}
	p.release()
	f.start()
	f.commits("a", 1)
}

// TestAStopWaitsForWhatIsUnderWay: a coordinator alone, and a leader of several.
func TestAStopWaitsForWhatIsUnderWay(t *testing.T) {
	stops := func(t *testing.T, f *office, p *puppet, height uint64) {
		p.set(func(p *puppet) { p.idle = true })
		answer := f.going("last")
		eventually(t, "it is under way", func() bool { return p.holds() == 1 })
		in := f.now.Load()
		stopped := make(chan error, 1)
		go func() { stopped <- f.stop() }()
		eventually(t, "it takes nothing new", func() bool { return in.paused.Load() == 1 })
		p.release()
		if out := receive(t, "an answer", answer); out.GetDecision() != wirepb.Decision_DECISION_COMMITTED || out.GetBlock().GetHeight() != height {
			t.Errorf("the block came to %v", out)
		}
		if err := receive(t, "the end", stopped); err != nil {
			t.Error(err)
		}
	}
	t.Run("alone", func(t *testing.T) {
		f := newOffice(t, Options{})
		stops(t, f, newPuppet(t, f), 1)
	})
	t.Run("of three", func(t *testing.T) {
		c := newCouncil(t, 3)
		p := newPuppet(t, c.members[0])
		c.commits("a", 1)
		leader := c.leader()
		stops(t, leader, p, 2)
		c.commitsBy("b", 3, c.but(leader)...)
	})
}
