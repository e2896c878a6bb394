package coordinator

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"
	"go.opentelemetry.io/otel/trace"

	"github.com/lockstep-exec/lockstep/protocol"
)

// ErrStopped is wrapped when the log failed: nobody knows what it holds, so
// the coordinator decides nothing more. Recovery is a restart.
var ErrStopped = errors.New("the coordinator has stopped")

// Sessions carries out the effects on sessions. Neither method blocks.
type Sessions interface {
	Send(protocol.Envelope)
	Close(s protocol.Session, reason string)
}

// Clients carries out the effects on waiting clients. Neither method blocks.
type Clients interface {
	Answer(protocol.Answer)
	// Abandon tells every client that waits, or comes later, that the outcome
	// of its block is not known here any more.
	Abandon(reason string)
}

// Decisions learns what was decided, in order.
type Decisions interface {
	Decided([]*protocol.Decision)
}

// Observer watches what a node does; nothing depends on it. The node's own
// goroutine calls it, and it must not block.
type Observer interface {
	// Stepped comes after a step of the machine, before its effects are carried out.
	Stepped(protocol.Event, *protocol.Effects)
	// CarriedOut comes when the effects of all steps so far have been carried out:
	// what they had to make durable is.
	CarriedOut()
}

// Parts are what a node acts on.
type Parts struct {
	Log       DecisionLog
	Sessions  Sessions
	Clients   Clients
	Decisions Decisions
	Observer  Observer // nil for none
	Logger    hclog.Logger
	Tracer    trace.Tracer // nil traces nothing
}

// Node interprets the effects of a protocol.Coordinator: Handle is the only
// place where the coordinator acts. One goroutine calls Handle; Status is safe
// for concurrent use.
type Node struct {
	machine Machine
	parts   Parts
	ended   error // why the node does nothing more
	notes   map[string]uint64
	teller  *teller
	spans   *spans
	status  atomic.Pointer[Status]
}

// Status is a copy of what a coordinator knows, for people and metrics.
type Status struct {
	protocol.CoordinatorStatus
	// Ended says why this incarnation decides nothing more: it was
	// quarantined, stepped down, or its log failed. "" if it does.
	Ended string
	// Fenced: it ended because another incarnation may own the log.
	Fenced bool
	Notes  map[string]uint64 // how often what was noted, by kind
}

// NewNode begins an incarnation; first are the effects that came with the
// machine, carried out before anything else (rule C1).
func NewNode(machine Machine, first protocol.Effects, parts Parts) (*Node, error) {
	n := &Node{machine: machine, parts: parts, notes: map[string]uint64{}, teller: newTeller(parts.Logger), spans: newSpans(parts.Tracer)}
	if err := n.carryOut(first); err != nil {
		return nil, err
	}
	n.publish()
	return n, nil
}

// Handle steps the machine through the events and carries out what comes of
// them, with one force for all: that is the group commit. An error wraps
// ErrStopped.
//
// A broken safety rule and a step-down are no errors: the node says why, tells
// its clients that it does not know, and does nothing more.
func (n *Node) Handle(events ...protocol.Event) error {
	if n.ended != nil {
		return nil
	}
	defer n.publish()
	var effects protocol.Effects
	for _, ev := range events {
		if tick, ok := ev.(protocol.Tick); ok {
			n.teller.tick(tick.Now, n.machine.Status)
		}
		n.spans.event(ev)
		e, err := n.machine.Step(ev)
		if err != nil {
			if err := n.carryOut(effects); err != nil {
				return err
			}
			n.quarantine(err)
			return nil
		}
		if n.parts.Observer != nil {
			n.parts.Observer.Stepped(ev, &e)
		}
		effects.Join(e)
	}
	if err := n.carryOut(effects); err != nil || n.ended != nil {
		return err
	}
	if n.parts.Observer != nil {
		n.parts.Observer.CarriedOut()
	}
	return nil
}

// carryOut does what the effects say, in their order. Nothing leaves the node
// before its reason is durable.
func (n *Node) carryOut(e protocol.Effects) error {
	began := n.spans.begins(e)
	if len(e.Persist) > 0 || e.Force {
		if err := n.parts.Log.Append(e.Persist, e.Force); err != nil {
			return n.lostLog(err)
		}
	}
	n.spans.decided(e.Decided, began)
	if len(e.Decided) > 0 {
		n.parts.Decisions.Decided(e.Decided)
	}
	for _, env := range e.Send {
		n.parts.Sessions.Send(env)
	}
	for _, a := range e.Answer {
		n.parts.Clients.Answer(a)
	}
	for _, c := range e.Close {
		n.parts.Sessions.Close(c.Session, c.Reason)
	}
	n.spans.ends(e)
	n.tell(e)
	if e.StepDown != "" {
		n.end(fmt.Errorf("stepped down: %s", e.StepDown))
	}
	return nil
}

// lostLog ends the node when the outcome of an append cannot be known (C2).
func (n *Node) lostLog(err error) error {
	if errors.Is(err, ErrFenced) {
		n.end(err)
		return nil
	}
	n.end(fmt.Errorf("%w: %w: restart it once the cause is mended", ErrStopped, err))
	return n.ended
}

func (n *Node) quarantine(why error) {
	n.end(fmt.Errorf("quarantined: %w: it decides and serves no more; compare the histories with lockstep recover before restarting anything", why))
}

// end closes every session and abandons every client.
func (n *Node) end(why error) {
	n.ended = why
	n.publish() // whoever is told below may ask
	if errors.Is(why, ErrFenced) {
		n.parts.Logger.Warn("this incarnation decides nothing more", "reason", why)
	} else if !errors.Is(why, ErrStopped) { // that one ends the process, which says why
		n.parts.Logger.Error("this coordinator decides nothing more", "reason", why)
	}
	n.spans.stop(why.Error())
	s := n.machine.Status()
	for _, session := range s.Sessions {
		n.parts.Sessions.Close(session, why.Error())
	}
	n.parts.Clients.Abandon(why.Error())
}

func (n *Node) tell(e protocol.Effects) {
	if len(e.Decided) > 0 {
		n.teller.decided(e.Decided[len(e.Decided)-1])
	}
	for _, note := range e.Notes {
		n.notes[string(note.Kind)]++
		n.teller.note(note)
	}
}

// publish shows what the machine knows. A node that has ended shows what it
// knew before: the machine may have decided what never became durable.
func (n *Node) publish() {
	s := &Status{Notes: make(map[string]uint64, len(n.notes))}
	if last := n.status.Load(); n.ended != nil && last != nil {
		s.CoordinatorStatus = last.CoordinatorStatus
	} else {
		s.CoordinatorStatus = n.machine.Status()
	}
	for kind, count := range n.notes {
		s.Notes[kind] = count
	}
	if n.ended != nil {
		s.Ended, s.Fenced = n.ended.Error(), errors.Is(n.ended, ErrFenced)
	}
	n.status.Store(s)
}

// Status gives what the node knew after the last Handle.
func (n *Node) Status() *Status { return n.status.Load() }
