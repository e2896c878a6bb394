package executor

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/wal"
)

// ErrStopped is wrapped when the log or the database failed: the node has
// stopped and does nothing more (rule S9). Recovery is a restart.
var ErrStopped = errors.New("the shard has stopped")

// Log is what a node needs of its write-ahead log.
type Log interface {
	Append(records ...wal.Record) (first uint64, err error)
	Sync() error
	Last() uint64
}

// Committer makes a staged height visible.
type Committer interface {
	Commit(protocol.Committed) error
}

// Execution carries out the effects on executions.
type Execution interface {
	Configure(protocol.Config)
	Execute(*protocol.Execute)
	Drop(from protocol.Height)
	Commit(protocol.Height)
}

// Sessions carries out the effects on sessions. Neither method blocks.
type Sessions interface {
	Send(protocol.Envelope)
	Close(s protocol.Session, reason string)
}

// Neighbours learns where the peers are.
type Neighbours interface {
	SetPeers(protocol.ClusterID, []protocol.Peer)
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
	Log        Log
	Committer  Committer
	Execution  Execution
	Sessions   Sessions
	Neighbours Neighbours
	Observer   Observer // nil for none
	Logger     hclog.Logger
	Now        func() time.Time // for people: when an attempt was prepared
	spans      *spans           // nil traces nothing
	// Wrap goes round the state machine; nil leaves it as it is. Tests of tests
	// put a mistake there.
	Wrap func(Participant) Participant
}

// Participant is the state machine of a shard: a *protocol.Participant, or what
// Parts.Wrap puts round it.
type Participant interface {
	Step(protocol.Event) (protocol.Effects, error)
	Status() protocol.ParticipantStatus
}

// Node interprets the effects of a Participant: Handle is the only place where
// a shard acts. One goroutine calls Handle; the other methods are safe for
// concurrent use.
type Node struct {
	machine     Participant
	parts       Parts
	stopped     error // why the node stopped
	quarantined bool  // and said so

	// durable is what the log says, for checkpoints. The mutex is held while
	// records are appended, so a checkpoint sees none by halves.
	durable struct {
		sync.Mutex
		config   protocol.Config
		epoch    protocol.Epoch
		prepared map[protocol.Height]preparedRecord
	}
	refusals map[string]uint64 // by kind of note
	status   atomic.Pointer[Status]
}

type preparedRecord struct {
	attempt  protocol.AttemptID
	sequence uint64
	since    time.Time
	bytes    int // of the writes
}

// NewNode makes a node from what its database and log say. positions gives the
// sequence of the Prepared record of each attempt above the checkpoint.
func NewNode(id protocol.Identity, from protocol.ShardState, positions map[protocol.AttemptID]uint64, parts Parts) *Node {
	n := &Node{machine: protocol.NewParticipant(id, from), parts: parts, refusals: map[string]uint64{}}
	n.durable.config, n.durable.epoch = from.Config, from.Epoch
	n.durable.prepared = map[protocol.Height]preparedRecord{}
	if parts.Wrap != nil {
		n.machine = parts.Wrap(n.machine)
	}
	for _, c := range from.Replayed {
		n.remember(c.Prepared, positions[c.Attempt])
	}
	for _, p := range from.Prepared {
		n.remember(p, positions[p.Attempt])
	}
	n.publish()
	return n
}

func (n *Node) remember(p *protocol.Prepared, sequence uint64) {
	n.durable.prepared[p.Attempt.Height] = preparedRecord{
		attempt: p.Attempt, sequence: sequence, since: time.UnixMilli(int64(p.UnixMillis)), bytes: len(p.Writes), //nolint:G115 // a time that this shard wrote down
	}
}

// Handle steps the machine through the events and carries out what comes of
// them, with one force for all: that is the group commit. An error wraps
// ErrStopped; the node must be closed then.
//
// A broken safety rule is no error: the node is quarantined, says so, and
// changes nothing any more. Its Core makes no checkpoints from then on.
func (n *Node) Handle(events ...protocol.Event) error {
	switch {
	case n.stopped != nil:
		return n.stopped
	case n.quarantined:
		return nil
	}
	defer n.publish()
	var effects protocol.Effects
	var peers []protocol.Peer
	for _, ev := range events {
		n.parts.spans.event(ev)
		e, err := n.machine.Step(ev)
		if err != nil {
			// What earlier events asked for is still right, and may be owed.
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
		if p := peersIn(ev); p != nil {
			peers = p
		}
	}
	if err := n.carryOut(effects); err != nil {
		return err
	}
	if n.parts.Observer != nil {
		n.parts.Observer.CarriedOut()
	}
	n.meet(peers)
	return nil
}

func peersIn(ev protocol.Event) []protocol.Peer {
	received, ok := ev.(protocol.Received)
	if !ok {
		return nil
	}
	switch m := received.Message.(type) {
	case *protocol.Welcome:
		return m.Peers
	case protocol.Peers:
		return m.Peers
	}
	return nil
}

// meet tells the exchange where the peers are, if the machine believes the
// coordinator that said so.
func (n *Node) meet(peers []protocol.Peer) {
	if s := n.machine.Status(); peers != nil && s.Welcomed {
		n.parts.Neighbours.SetPeers(s.Config.Cluster, peers)
	}
}

// carryOut does what the effects say, in their order. Nothing leaves the node
// before its reason is durable.
func (n *Node) carryOut(e protocol.Effects) error {
	began := n.parts.spans.now()
	if err := n.persist(e); err != nil {
		return n.stop(err)
	}
	n.parts.spans.forced(e.Persist, began)
	for _, a := range e.Drop {
		n.parts.spans.dropped(a)
		n.parts.Execution.Drop(a.Height)
		n.forget(a.Height)
	}
	for _, c := range e.Apply {
		began := n.parts.spans.now()
		if err := n.parts.Committer.Commit(c); err != nil {
			return n.stop(fmt.Errorf("commit height %d: %w", c.Height(), err))
		}
		n.parts.Execution.Commit(c.Height())
		n.parts.spans.committed(c.Attempt, began)
	}
	for _, env := range e.Send {
		n.parts.spans.voted(env.Message)
		n.parts.Sessions.Send(env)
	}
	n.parts.spans.executing(e.Execute)
	for _, x := range e.Execute {
		n.parts.Execution.Execute(x)
	}
	for _, c := range e.Close {
		n.parts.Sessions.Close(c.Session, c.Reason)
	}
	n.tell(e.Notes)
	return nil
}

// persist appends the records in one piece, and forces them if asked to.
func (n *Node) persist(e protocol.Effects) error {
	if len(e.Persist) > 0 {
		if err := n.append(e.Persist); err != nil {
			return fmt.Errorf("append to the log: %w", err)
		}
	}
	if !e.Force {
		return nil
	}
	if err := n.parts.Log.Sync(); err != nil {
		return fmt.Errorf("force the log: %w", err)
	}
	return nil
}

func (n *Node) append(records []protocol.Record) error {
	encoded := make([]wal.Record, len(records))
	now := n.parts.Now()
	for i, r := range records {
		if p, ok := r.(*protocol.Prepared); ok {
			p.UnixMillis = uint64(now.UnixMilli())
		}
		encoded[i] = wal.Record{Type: uint8(r.RecordType()), Data: protocol.EncodeRecord(r)}
	}
	n.durable.Lock()
	defer n.durable.Unlock()
	first, err := n.parts.Log.Append(encoded...)
	if err != nil {
		return err
	}
	for i, r := range records {
		n.appended(r, first+uint64(i))
	}
	return nil
}

func (n *Node) appended(r protocol.Record, sequence uint64) {
	switch r := r.(type) {
	case protocol.EpochSeen:
		n.durable.epoch = r.Epoch
	case protocol.Adopted:
		n.durable.config = r.Config
		n.parts.Execution.Configure(r.Config)
	case *protocol.Prepared:
		n.remember(r, sequence)
	}
}

// quarantine says why the node does nothing any more, and ends the session, so
// that no peer waits for it in vain.
func (n *Node) quarantine(why error) {
	n.quarantined = true
	s := n.machine.Status()
	n.parts.Logger.Error("quarantined: this shard found proof of divergence or damage, votes and serves no more, and has changed nothing: stop it, and run lockstep recover verify on its data directory",
		"reason", why, "height", s.Committed.Height(), "epoch", s.Epoch)
	if s.Session != 0 {
		n.parts.Sessions.Send(protocol.Envelope{Session: s.Session, Epoch: s.Epoch, Message: protocol.Quarantined{Reason: why.Error()}})
		n.parts.Sessions.Close(s.Session, "quarantined")
	}
}

// stop ends the node for good: after a failed write nobody knows what the
// files hold, and only a restart finds out.
func (n *Node) stop(why error) error {
	n.stopped = fmt.Errorf("%w: %w: restart it once the cause is mended", ErrStopped, why)
	if s := n.machine.Status().Session; s != 0 {
		n.parts.Sessions.Close(s, "the shard has stopped")
	}
	n.publish()
	return n.stopped
}

func (n *Node) tell(notes []protocol.Note) {
	for _, note := range notes {
		n.refusals[string(note.Kind)]++
		if note.Kind == protocol.NoteEpoch {
			n.parts.Logger.Info("follows a new epoch", "epoch", n.machine.Status().Epoch)
			continue
		}
		n.parts.Logger.Debug("noted", "kind", note.Kind, "height", note.Attempt.Height, "attempt", note.Attempt, "reason", note.Text)
	}
}
