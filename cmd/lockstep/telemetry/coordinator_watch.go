package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Phases of a block on the coordinator, one after the other. The first is
// phaseQueue, then comes phaseExecute, the last is phaseCommit.
const (
	phaseQueue  = "queue"  // taken up until the attempt began that was decided
	phaseVote   = "vote"   // from the first vote until the last
	phaseDecide = "decide" // until the decision is durable
)

// CoordinatorWatch is a coordinator.Observer for one incarnation after the other.
type CoordinatorWatch struct {
	now      func() time.Time
	phases   *prometheus.HistogramVec
	blocks   *prometheus.CounterVec
	sizes    prometheus.Histogram
	outcomes *outcomes
	answers  *prometheus.CounterVec
	aborted  prometheus.Counter
	hellos   prometheus.Counter
	rejects  *prometheus.CounterVec
	epochs   prometheus.Counter
	notes    *prometheus.CounterVec

	track tracker
}

func newCoordinatorWatch(now func() time.Time, notes *prometheus.CounterVec) *CoordinatorWatch {
	return &CoordinatorWatch{
		now: now, notes: notes,
		phases: phases("block_phase_seconds", "How long the phases of decided blocks took, by the coordinator that leads.",
			phaseQueue, phaseExecute, phaseVote, phaseDecide, phaseCommit),
		blocks: counters("blocks_total", "Blocks that were decided, and blocks that were withdrawn: those are not committed.", "decision", "committed", "withdrawn"),
		sizes: histogram("block_transactions", "Transactions of the blocks that were decided.",
			prometheus.ExponentialBuckets(1, 10, 7)), // 1 to 1,000,000
		outcomes: newOutcomes(),
		answers:  counters("answers_total", "What clients that wait for a block, and operators that resolve one, were told.", "verdict", verdicts()...),
		aborted:  counter("aborted_attempts_total", "Attempts that were given up; their blocks may be tried again."),
		hellos:   counter("hellos_total", "How often a shard has said hello on a new session."),
		rejects:  counters("rejected_sessions_total", "Sessions that were ended because of what the shard said, by kind.", "kind", rejectKinds()...),
		epochs:   counter("epochs_begun_total", "How often this coordinator has begun to lead, with an epoch of its own."),
		track:    newTracker(),
	}
}

func (w *CoordinatorWatch) collectors() []prometheus.Collector {
	return []prometheus.Collector{w.phases, w.blocks, w.sizes, w.outcomes.total, w.answers, w.aborted, w.hellos, w.rejects, w.epochs}
}

// begin follows a new incarnation.
func (w *CoordinatorWatch) begin() {
	w.epochs.Inc()
	w.track = newTracker()
}

// Stepped implements coordinator.Observer.
func (w *CoordinatorWatch) Stepped(ev protocol.Event, e *protocol.Effects) {
	now := w.now()
	switch ev := ev.(type) {
	case protocol.Submitted:
		w.track.submitted(ev, e.Answer, now)
	case protocol.Closed:
		delete(w.track.sessions, ev.Session)
	case protocol.Received:
		w.received(ev.Envelope, now)
	}
	for _, env := range e.Send {
		switch m := env.Message.(type) {
		case *protocol.Execute:
			w.track.began(m.Attempt, now)
		case protocol.Reject:
			w.rejects.WithLabelValues(rejectName(m.Kind)).Inc()
		}
	}
	for _, record := range e.Persist {
		if withdrawn, ok := record.(protocol.Withdrawn); ok {
			w.blocks.WithLabelValues("withdrawn").Inc()
			delete(w.track.taken, withdrawn.Key)
		}
	}
	for _, a := range e.Answer {
		w.answers.WithLabelValues(verdictName(a.Verdict)).Inc()
	}
	for _, note := range e.Notes {
		if note.Kind == protocol.NoteAborted {
			w.aborted.Inc()
		}
	}
	w.track.deciding = append(w.track.deciding, e.Decided...)
	count(w.notes, e.Notes)
}

func (w *CoordinatorWatch) received(env protocol.Envelope, now time.Time) {
	switch m := env.Message.(type) {
	case *protocol.Hello:
		w.hellos.Inc()
		w.track.greeted(env.Session, m)
		w.finished(env.Session, m.Committed.Height(), now)
	case *protocol.Vote:
		if m.Yes {
			w.track.voted(m.Attempt, now)
		}
	case protocol.Ack:
		w.finished(env.Session, m.Committed, now)
	}
}

// finished observes the blocks that every shard has committed now.
func (w *CoordinatorWatch) finished(s protocol.Session, committed protocol.Height, now time.Time) {
	for _, b := range w.track.acknowledged(s, committed) {
		observe(w.phases, phaseCommit, b.decided, now)
	}
}

// CarriedOut implements coordinator.Observer: what was decided is durable.
func (w *CoordinatorWatch) CarriedOut() {
	now := w.now()
	for _, d := range w.track.deciding {
		w.decided(d, now)
	}
	w.track.deciding = nil
}

func (w *CoordinatorWatch) decided(d *protocol.Decision, now time.Time) {
	w.blocks.WithLabelValues("committed").Inc()
	w.sizes.Observe(float64(d.Outcomes.Len()))
	w.outcomes.add(d.Outcomes)
	t := w.track.decide(d, now)
	observe(w.phases, phaseQueue, t.taken, t.began)
	if t.first.IsZero() {
		return // votes came with a Hello
	}
	observe(w.phases, phaseExecute, t.began, t.first)
	observe(w.phases, phaseVote, t.first, t.last)
	observe(w.phases, phaseDecide, t.last, now)
}
