package chaos

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

const (
	readEvery   = 150 * time.Millisecond
	readTimeout = 2 * time.Second
)

// glimpse is what a read saw of the accounts of one shard.
type glimpse struct {
	height uint64
	shard  int
	sum    [sha256.Size]byte // of all values
}

// readers read all accounts again and again, through the coordinator and
// straight from shards, and keep what they saw. It is safe for concurrent use.
type readers struct {
	plan   plan
	failed chan<- error
	group  sync.WaitGroup
	cancel context.CancelFunc

	mu       sync.Mutex
	seen     map[glimpse]struct{} // what is to be checked
	whole    int                  // reads of all shards
	straight int                  // reads of one
}

func startReaders(p plan, coordinator string, shardAddresses []string, failed chan<- error) (*readers, error) {
	ctx, cancel := context.WithCancel(context.Background())
	r := &readers{plan: p, failed: failed, cancel: cancel, seen: map[glimpse]struct{}{}}
	c, err := client.NewCoordinator(coordinator)
	if err != nil {
		return nil, err
	}
	r.every(ctx, c.Close, func() error { return r.readWhole(ctx, c) })
	for shard, address := range shardAddresses {
		s, err := client.NewShard(address)
		if err != nil {
			r.end()
			return nil, err
		}
		keys := r.keysOf(shard)
		r.every(ctx, s.Close, func() error {
			r.readShard(ctx, s, shard, keys)
			return nil
		})
	}
	return r, nil
}

// every reads in a goroutine of its own, until the end or an error.
func (r *readers) every(ctx context.Context, end func() error, read func() error) {
	r.group.Go(func() {
		defer end()
		ticker := time.NewTicker(readEvery)
		defer ticker.Stop()
		for ctx.Err() == nil {
			if err := read(); err != nil {
				report(r.failed, err)
				return
			}
			select {
			case <-ticker.C:
			case <-ctx.Done():
			}
		}
	})
}

func (r *readers) end() {
	r.cancel()
	r.group.Wait()
}

// readWhole reads all accounts at the newest height, and once more at the same
// height a moment later. A read that cannot be had now says nothing.
func (r *readers) readWhole(ctx context.Context, c *client.Coordinator) error {
	keys := accountKeys()
	height := uint64(0)
	for range 2 {
		call, cancel := context.WithTimeout(ctx, readTimeout)
		response, err := c.Get(call, keys, height)
		cancel()
		if err != nil {
			return nil
		}
		if height != 0 && response.GetHeight() != height {
			return fmt.Errorf("a read at height %d was answered at height %d", height, response.GetHeight())
		}
		height = response.GetHeight()
		if err := conserved(height, response.GetValues()); err != nil {
			return err
		}
		r.keep(height, keys, response.GetValues())
	}
	return nil
}

// conserved checks that a read lost and made no money (invariant 8).
func conserved(height uint64, values []*wirepb.Value) error {
	sum := uint64(0)
	for _, v := range values {
		if !v.GetFound() {
			continue
		}
		b, err := ledger.Balance(v.GetValue())
		if err != nil {
			return fmt.Errorf("a read at height %d: %w", height, err)
		}
		sum += b.Uint64()
	}
	if sum != accounts*openingBalance {
		return fmt.Errorf("a read at height %d found %d in all accounts together, not %d", height, sum, accounts*openingBalance)
	}
	return nil
}

// keep splits what was read among the shards.
func (r *readers) keep(height uint64, keys [][]byte, values []*wirepb.Value) {
	var sums [shards]accountSum
	for i, v := range values {
		sums[r.plan.slots.Owner(keys[i])].add(v.GetValue())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.whole++
	for shard, s := range sums {
		r.seen[glimpse{height, shard, s.sum()}] = struct{}{}
	}
}

func (r *readers) readShard(ctx context.Context, c *client.Shard, shard int, keys [][]byte) {
	call, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	response, err := c.Get(call, keys, 0)
	if err != nil {
		return
	}
	var sum accountSum
	for _, v := range response.GetValues() {
		sum.add(v.GetValue())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.straight++
	r.seen[glimpse{response.GetHeight(), shard, sum.sum()}] = struct{}{}
}

func (r *readers) keysOf(shard int) (keys [][]byte) {
	for _, key := range accountKeys() {
		if r.plan.slots.Owner(key) == protocol.ShardID(shard) {
			keys = append(keys, key)
		}
	}
	return keys
}

// take gives what was seen up to a height, once.
func (r *readers) take(height uint64) (taken []glimpse) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for g := range r.seen {
		if g.height <= height {
			taken = append(taken, g)
			delete(r.seen, g)
		}
	}
	return taken
}

// accountSum adds values, in order, to one number. No value is the same as none.
type accountSum struct{ raw []byte }

func (s *accountSum) add(value []byte) { s.raw = append(append(s.raw, byte(len(value))), value...) }

func (s *accountSum) sum() [sha256.Size]byte { return sha256.Sum256(s.raw) }
