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
