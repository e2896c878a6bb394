package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Phases of an attempt on a shard, one after the other.
const (
	phaseExecute = "execute" // taken up until its result is there; on the coordinator, until the first vote
	phasePrepare = "prepare" // until it is in the log, and the vote out
	phaseAwait   = "await"   // until the Commit comes
	phaseCommit  = "commit"  // until readers see it; on the coordinator, until every shard says so
)

// ShardWatch is an executor.Observer. It keeps the times of the attempts that the
// shard holds, which the state machine bounds.
type ShardWatch struct {
	now      func() time.Time
	phases   *prometheus.HistogramVec
	votes    *prometheus.CounterVec
	refused  *prometheus.CounterVec
	sessions prometheus.Counter
	notes    *prometheus.CounterVec

	attempts map[protocol.AttemptID]*attemptTimes
	voting   []protocol.AttemptID // a yes goes out
	applied  []protocol.AttemptID // become visible
}

// attemptTimes are zero for what has not happened, or happened before a restart.
type attemptTimes struct{ began, executed, voted, told time.Time }

func newShardWatch(now func() time.Time, notes *prometheus.CounterVec) *ShardWatch {
	var causes []string
	for _, c := range protocol.Causes() {
		causes = append(causes, string(c))
	}
	return &ShardWatch{
		now: now, notes: notes, attempts: map[protocol.AttemptID]*attemptTimes{},
		phases: phases("attempt_phase_seconds", "How long the phases of attempts took on the shard.",
			phaseExecute, phasePrepare, phaseAwait, phaseCommit),
		votes:    counters("votes_total", "Votes sent, repetitions included.", "vote", "yes", "no"),
		refused:  counters("refused_attempts_total", "Attempts on which the shard has voted no, by cause.", "cause", causes...),
		sessions: counter("sessions_opened_total", "How often a session with a coordinator was opened."),
	}
}

func (w *ShardWatch) collectors() []prometheus.Collector {
	return []prometheus.Collector{w.phases, w.votes, w.refused, w.sessions}
}

// Stepped implements executor.Observer.
func (w *ShardWatch) Stepped(ev protocol.Event, e *protocol.Effects) {
	now := w.now()
	switch ev := ev.(type) {
	case protocol.Opened:
		w.sessions.Inc()
	case protocol.Executed:
		w.executed(ev, now)
	case protocol.Received:
		if c, ok := ev.Message.(protocol.Commit); ok {
			w.told(c.Attempt, now)
		}
	}
	for _, dropped := range e.Drop {
		w.drop(dropped.Height)
	}
	for _, x := range e.Execute {
		w.attempts[x.Attempt] = &attemptTimes{began: now}
	}
	for _, c := range e.Apply {
		w.applied = append(w.applied, c.Attempt)
	}
	for _, env := range e.Send {
		if v, ok := env.Message.(*protocol.Vote); ok {
			w.vote(v)
		}
	}
	count(w.notes, e.Notes)
}

// executed ends the first phase. Of a failure nothing is left but the vote.
func (w *ShardWatch) executed(ev protocol.Executed, now time.Time) {
	t := w.attempts[ev.Attempt]
	switch {
	case t == nil:
	case ev.Failure != nil:
		delete(w.attempts, ev.Attempt)
	default:
		t.executed = now
		w.observe(phaseExecute, t.began, now)
	}
}

func (w *ShardWatch) vote(v *protocol.Vote) {
	if !v.Yes {
		w.votes.WithLabelValues("no").Inc()
		w.refused.WithLabelValues(string(v.Refusal.Cause)).Inc()
		return
	}
	w.votes.WithLabelValues("yes").Inc()
	w.voting = append(w.voting, v.Attempt)
}

// told ends the wait for the decision; a repeated Commit says nothing new.
func (w *ShardWatch) told(a protocol.AttemptID, now time.Time) {
	if t := w.attempts[a]; t != nil && t.told.IsZero() {
		t.told = now
		w.observe(phaseAwait, t.voted, now)
	}
}

func (w *ShardWatch) drop(from protocol.Height) {
	for a := range w.attempts {
		if a.Height >= from {
			delete(w.attempts, a)
		}
	}
}

// CarriedOut implements executor.Observer.
func (w *ShardWatch) CarriedOut() {
	now := w.now()
	for _, a := range w.voting {
		if t := w.attempts[a]; t != nil && t.voted.IsZero() {
			t.voted = now
			w.observe(phasePrepare, t.executed, now)
		}
	}
	for _, a := range w.applied {
		if t := w.attempts[a]; t != nil {
			w.observe(phaseCommit, t.told, now)
			delete(w.attempts, a)
		}
	}
	w.voting, w.applied = w.voting[:0], w.applied[:0]
}

func (w *ShardWatch) observe(phase string, from, to time.Time) { observe(w.phases, phase, from, to) }

// observe notes a phase whose beginning is known.
func observe(in *prometheus.HistogramVec, phase string, from, to time.Time) {
	if !from.IsZero() {
		in.WithLabelValues(phase).Observe(to.Sub(from).Seconds())
	}
}

func count(in *prometheus.CounterVec, notes []protocol.Note) {
	for _, note := range notes {
		in.WithLabelValues(string(note.Kind)).Inc()
	}
}
