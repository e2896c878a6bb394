package protocol

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// ErrLogOrder is wrapped when the records of a log cannot have been written in
// this order by a correct node: the log is damaged, or not the one that
// belongs to the database.
var ErrLogOrder = errors.New("log out of order")

func disorder(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrLogOrder}, args...)...)
}

// ShardState is what a shard knows after a restart.
type ShardState struct {
	Config       Config
	Epoch        Epoch
	Committed    Committed
	Checkpointed Height
	// Prepared are the attempts in doubt, from committed+1 upwards.
	Prepared []*Prepared
	// Replayed are the committed attempts above the checkpoint, in order, with
	// the state that each committed.
	Replayed []ReplayedCommit
}

// ReplayedCommit is a committed attempt that the database does not hold yet.
type ReplayedCommit struct {
	Committed
	Prepared *Prepared
}

// ShardRecovery rebuilds a shard's state: begin with what the checkpoint says,
// add the records of the log in order, finish.
type ShardRecovery struct {
	state ShardState
	held  []*Prepared // ascending heights; a later record erases older ones at and above its height (S2)
	tell  func(ReplayedCommit) error
}

// NewShardRecovery begins with the database: configuration, highest epoch and
// what is committed there. All zero for a new shard.
func NewShardRecovery(config Config, epoch Epoch, committed Committed) *ShardRecovery {
	return &ShardRecovery{state: ShardState{
		Config: config, Epoch: epoch, Committed: committed, Checkpointed: committed.Height(),
	}}
}

// Tell has fn called with each commit as soon as it is replayed; its error is one
// of Add. The recovery
// then keeps of its attempt only who and when it is: Outcomes, Writes and Pushed
// in ShardState.Replayed are empty. So it holds no more than what is in doubt.
func (r *ShardRecovery) Tell(fn func(ReplayedCommit) error) { r.tell = fn }

// Add replays one record. Prepared records are retained, not copied.
func (r *ShardRecovery) Add(rec Record) error {
	switch rec := rec.(type) {
	case EpochSeen:
		r.state.Epoch = max(r.state.Epoch, rec.Epoch)
	case Adopted:
		return r.adopt(rec.Config)
	case *Prepared:
		r.prepared(rec)
	case CommittedRecord:
		return r.commit(rec.Committed)
	default:
		return disorder("a %T does not belong in the log of a shard", rec)
	}
	return nil
}

func (r *ShardRecovery) adopt(c Config) error {
	if !r.state.Config.IsZero() && !r.state.Config.Equal(c) {
		return disorder("the log adopts cluster %s, the database belongs to cluster %s", c.Cluster, r.state.Config.Cluster)
	}
	r.state.Config = c
	return nil
}

func (r *ShardRecovery) prepared(p *Prepared) {
	h := p.Attempt.Height
	keep, _ := slices.BinarySearchFunc(r.held, h, func(q *Prepared, h Height) int {
		return cmp.Compare(q.Attempt.Height, h)
	})
	r.held = r.held[:keep]
	if h > r.state.Committed.Height() {
		r.held = append(r.held, p)
	}
}

func (r *ShardRecovery) commit(c Committed) error {
	switch at := r.state.Committed; {
	case c.Height() < at.Height():
		return nil // in the database already
	case c.Height() == at.Height():
		if c != at {
			return disorder("the log commits attempt %s with digest %s, the database holds attempt %s with digest %s",
				c.Attempt, c.Digest, at.Attempt, at.Digest)
		}
		return nil
	case c.Height() > at.Height()+1:
		return disorder("the log commits height %d after height %d", c.Height(), at.Height())
	}
	if len(r.held) == 0 || r.held[0].Attempt != c.Attempt || r.held[0].Digest != c.Digest {
		return disorder("the log commits attempt %s, which it does not hold prepared", c.Attempt)
	}
	if parent := r.held[0].Parent; parent != r.state.Committed.Attempt {
		return disorder("attempt %s builds on attempt %s, but attempt %s is committed below it", c.Attempt, parent, r.state.Committed.Attempt)
	}
	replayed := ReplayedCommit{Committed: c, Prepared: r.held[0]}
	if r.tell != nil {
		if err := r.tell(replayed); err != nil {
			return err
		}
		p := *replayed.Prepared
		p.Outcomes, p.Writes, p.Pushed = Outcomes{}, nil, nil
		replayed.Prepared = &p
	}
	r.state.Replayed = append(r.state.Replayed, replayed)
	r.state.Committed = c
	r.held = r.held[1:]
	return nil
}

// Finish checks that what is in doubt builds on what is committed.
func (r *ShardRecovery) Finish() (ShardState, error) {
	parent := r.state.Committed.Attempt
	for _, p := range r.held {
		if p.Attempt.Height != parent.Height+1 || p.Parent != parent {
			return ShardState{}, disorder("attempt %s builds on attempt %s, but attempt %s is below it", p.Attempt, p.Parent, parent)
		}
		if p.Attempt.Epoch > r.state.Epoch {
			return ShardState{}, disorder("attempt %s is of an epoch above the highest seen, %d", p.Attempt, r.state.Epoch)
		}
		parent = p.Attempt
	}
	r.state.Prepared = r.held
	return r.state, nil
}

// CoordinatorState is what a coordinator knows after a restart.
type CoordinatorState struct {
	Config  Config
	Epoch   Epoch // highest claimed
	Joined  map[ShardID]DirectoryID
	Decided *Decision // highest; nil before the first
	// Decisions above the history, ascending.
	Decisions []*Decision
	// Older decisions, which the history holds too. The log keeps them as long
	// as some shard may still need the Commit.
	Older []*Decision
	// Pending blocks were proposed and neither decided nor withdrawn; the
	// first is at the height after Decided (C6).
	Pending []*Proposed
}

// CoordinatorRecovery rebuilds a coordinator's state: begin with what the
// history says, add the records of the log in order, finish.
type CoordinatorRecovery struct {
	state CoordinatorState
	floor Height
	// proposals by height, as the Withdrawn records have moved them.
	proposals map[Height]*Proposed
}

// NewCoordinatorRecovery begins with the history. All zero for a new cluster.
func NewCoordinatorRecovery(from CoordinatorState) *CoordinatorRecovery {
	r := &CoordinatorRecovery{state: from, proposals: map[Height]*Proposed{}}
	r.state.Joined = map[ShardID]DirectoryID{}
	for s, d := range from.Joined {
		r.state.Joined[s] = d
	}
	r.state.Decisions, r.state.Older, r.state.Pending = nil, nil, nil
	r.floor = r.decided()
	return r
}

func (r *CoordinatorRecovery) decided() Height {
	if r.state.Decided == nil {
		return 0
	}
	return r.state.Decided.Height()
}

// Add replays one record. Proposed records and decisions are retained.
func (r *CoordinatorRecovery) Add(rec Record) error {
	switch rec := rec.(type) {
	case Created:
		return r.created(rec.Config)
	case EpochClaimed:
		r.state.Epoch = max(r.state.Epoch, rec.Epoch)
	case Joined:
		return r.joined(rec)
	case *Proposed:
		r.proposals[rec.Height] = rec
	case Withdrawn:
		r.withdrawn(rec.Height)
	case *Decision:
		return r.decision(rec)
	case *Resolved: // for people
	default:
		return disorder("a %T does not belong in the log of a coordinator", rec)
	}
	return nil
}

func (r *CoordinatorRecovery) created(c Config) error {
	if !r.state.Config.IsZero() && !r.state.Config.Equal(c) {
		return disorder("the log is of cluster %s, the history of cluster %s", c.Cluster, r.state.Config.Cluster)
	}
	r.state.Config = c
	return nil
}

func (r *CoordinatorRecovery) joined(j Joined) error {
	if d, ok := r.state.Joined[j.Shard]; ok && d != j.Directory {
		return disorder("shard %d is bound to data directory %s and to %s", j.Shard, d, j.Directory)
	}
	r.state.Joined[j.Shard] = j.Directory
	return nil
}

// withdrawn moves what is above the height down by one. A log that was trimmed
// may lack the proposal itself, or some of those above: they are decided or
// withdrawn by later records.
func (r *CoordinatorRecovery) withdrawn(h Height) {
	moved := map[Height]*Proposed{}
	for at, p := range r.proposals {
		switch {
		case at < h:
			moved[at] = p
		case at > h:
			moved[at-1] = p
		}
	}
	r.proposals = moved
}

func (r *CoordinatorRecovery) decision(d *Decision) error {
	h := d.Height()
	if p := r.proposals[h]; p != nil && p.Block == d.Block {
		delete(r.proposals, h)
	} else if p != nil {
		return disorder("height %d is decided for block %q, but proposed as block %q", h, d.Key, p.Key)
	}
	if h <= r.floor {
		r.state.Older = append(r.state.Older, d)
		return nil
	}
	if h != r.decided()+1 {
		return disorder("height %d is decided after height %d", h, r.decided())
	}
	if !d.buildsOn(r.state.Decided) {
		return disorder("attempt %s is decided, but its parent or its root is not that of height %d", d.Attempt, r.decided())
	}
	r.state.Decided = d
	r.state.Decisions = append(r.state.Decisions, d)
	return nil
}

// buildsOn reports whether a decision follows the one below it, which is nil
// for the first.
func (d *Decision) buildsOn(below *Decision) bool {
	var parent AttemptID
	var root Digest
	if below != nil {
		parent, root = below.Attempt, below.Root
	}
	return d.Parent == parent && d.Root == ChainRoot(root, d.Height(), d.Block, d.Digests)
}

// Finish checks that nothing is missing between the decided height and the
// proposals above it.
func (r *CoordinatorRecovery) Finish() (CoordinatorState, error) {
	for h := r.decided() + 1; len(r.proposals) > 0; h++ {
		p, ok := r.proposals[h]
		if !ok {
			break
		}
		delete(r.proposals, h)
		moved := *p
		moved.Height = h
		r.state.Pending = append(r.state.Pending, &moved)
	}
	for h, p := range r.proposals {
		if h > r.decided() {
			return CoordinatorState{}, disorder("block %q is proposed at height %d, but nothing at the height below it", p.Key, h)
		}
	}
	return r.state, nil
}
