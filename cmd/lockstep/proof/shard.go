package proof

import (
	"errors"
	"fmt"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/state"
	"github.com/lockstep-exec/lockstep/wal"
)

// Shard is what was found of one shard.
type Shard struct {
	ID           int    `json:"id"`
	Height       uint64 `json:"height"`
	Checkpointed uint64 `json:"checkpointed_height"`
	Pairs        uint64 `json:"pairs"`
	Digest       string `json:"state_digest"` // added up from the pairs
	Same         bool   `json:"same"`         // no difference was found
}

// openShards reads the directories. A nil entry is one whose finding is noted.
func (c *check) openShards(dirs []string) ([]*executor.Offline, error) {
	shards := make([]*executor.Offline, len(dirs))
	for i, dir := range dirs {
		o, err := executor.ReadOffline(dir)
		switch {
		case err == nil:
			shards[i] = o
		case isDamage(err):
			c.add(Finding{Shard: i, What: err.Error()})
		default:
			return shards, fmt.Errorf("read shard %d: %w", i, err)
		}
	}
	return shards, nil
}

// isDamage tells a directory that is wrong from one that cannot be looked at.
func isDamage(err error) bool {
	for _, kind := range []error{
		executor.ErrMismatch, state.ErrDamaged, state.ErrFormat, wal.ErrDamaged, wal.ErrFormat, protocol.ErrLogOrder, protocol.ErrMalformed,
	} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// database compares the database of a shard, without its log, with the state
// that the run has come to.
func (c *check) database(shard int) error {
	height := c.at
	cmp := newComparison(c.run, c.slots, shard, fmt.Sprintf("the database, which is at height %d", height), c.add)
	report, err := state.ScanDatabase(c.dirs[shard], func(p state.Pair) error {
		cmp.pair(p.Key, p.Value, p.Damage)
		return nil
	})
	if err != nil {
		return fmt.Errorf("scan the database of shard %d: %w", shard, err)
	}
	cmp.end()
	for _, damage := range report.Damage {
		var d *state.DamageError
		if !errors.As(damage, &d) || d.Key == nil { // a pair is named already
			c.add(Finding{Shard: shard, What: damage.Error()})
		}
	}
	return nil
}

// whole compares database and log together with the final state.
func (c *check) whole(shard int, o *executor.Offline) error {
	cmp := newComparison(c.run, c.slots, shard, "database and log together", c.add)
	err := o.Scan(func(key, value []byte) error {
		cmp.pair(key, value, nil)
		c.balance(shard, key, value)
		return nil
	})
	switch {
	case isDamage(err):
		c.add(Finding{Shard: shard, What: err.Error()})
	case err != nil:
		return fmt.Errorf("read the state of shard %d: %w", shard, err)
	default:
		cmp.end()
	}
	r := &c.report.Shards[shard]
	r.Pairs, r.Digest = cmp.pairs, cmp.sum.Digest().String()
	c.digest(shard, o, r.Digest)
	return nil
}

// digest compares the digest of all pairs with the decision and with what the
// shard says itself.
func (c *check) digest(shard int, o *executor.Offline, scanned string) {
	if n := len(c.history); n > 0 {
		if want := c.history[n-1].Digests[shard]; want != scanned {
			c.add(Finding{Shard: shard, What: fmt.Sprintf("the state digest of all pairs is not that of the decision of height %d", n), Expected: want, Actual: scanned})
		}
	}
	if own := o.Committed().Digest.String(); own != scanned {
		c.add(Finding{Shard: shard, What: "the state digest of all pairs is not the one that the shard has kept", Expected: own, Actual: scanned})
	}
}
