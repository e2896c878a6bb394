package chaos

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/proof"
	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

const (
	// digestsEvery is how many heights there are between two full scans of the
	// sequential state; the chain root binds what is between.
	digestsEvery = 32
	// The history comes in pages of so many blocks.
	fetchBlocks  = 500
	fetchTimeout = 5 * time.Second
)

// audit follows the history with a sequential run. It belongs to one goroutine.
type audit struct {
	plan    plan
	keys    [][]byte
	run     *executor.Sequential
	at      uint64          // height it has come to
	root    protocol.Digest // chain root there, computed anew
	newest  proof.Height    // what the history has there
	history map[uint64]proof.Height
	sums    map[uint64][shards][sha256.Size]byte // accounts, by height

	transactions, across int // committed
	reads                int // checked
}

func newAudit(p plan) *audit {
	return &audit{
		plan: p, keys: accountKeys(), run: executor.NewSequential(ledger.Machine{}, protocol.DefaultLimits()),
		history: map[uint64]proof.Height{}, sums: map[uint64][shards][sha256.Size]byte{},
	}
}

// follow goes on to the newest height that a coordinator tells.
func (a *audit) follow(ctx context.Context, c *client.Coordinator) error {
	for {
		page, err := fetch(ctx, c, a.at+1)
		if err != nil {
			return &unreachable{err}
		}
		if len(page) == 0 {
			return nil
		}
		for _, h := range page {
			if err := a.step(h); err != nil {
				return err
			}
		}
	}
}

// fetch gives some of the history from a height on; nothing if it is not there.
func fetch(ctx context.Context, c *client.Coordinator, from uint64) (page []proof.Height, err error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	err = c.Blocks(ctx, from, fetchBlocks, func(blocks []*wirepb.Block) error {
		for _, b := range blocks {
			page = append(page, proof.HeightOf(b))
		}
		return nil
	})
	return page, err
}

// unreachable says that the history could not be had, which is no finding.
type unreachable struct{ error }

// step runs the block of the next height.
func (a *audit) step(h proof.Height) error {
	if h.Height != a.at+1 {
		return fmt.Errorf("height %d of the history follows height %d", h.Height, a.at)
	}
	number, err := a.plan.numberOf(h.Key)
	if err != nil {
		return err
	}
	if twice, ok := a.history[number]; ok {
		return fmt.Errorf("block %q is committed at height %d and at height %d", h.Key, twice.Height, h.Height)
	}
	b := a.plan.block(number)
	id := protocol.BlockID(b.key, b.body())
	if id.String() != h.Block {
		return fmt.Errorf("block %q at height %d has the id %s, not %s: its content is not what was submitted", h.Key, h.Height, h.Block, id)
	}
	outcomes, err := a.run.Execute(b.transactions)
	if err != nil {
		return err
	}
	a.at, a.newest, a.history[number] = h.Height, h, h
	a.transactions += len(b.transactions)
	a.across += b.across
	a.sums[h.Height] = a.accounts()
	return errors.Join(a.outcomes(h, outcomes.Counts()), a.chain(h, id), a.digests(h, h.Height%digestsEvery == 1))
}

func (a *audit) outcomes(h proof.Height, want map[string]int) error {
	got := map[string]int{}
	for name, n := range h.Outcomes {
		got[name] = int(n)
	}
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("block %q at height %d has the outcomes %v, a sequential run has %v", h.Key, h.Height, got, want)
	}
	return nil
}

// chain links the height to those below.
func (a *audit) chain(h proof.Height, id protocol.Digest) error {
	digests := make([]protocol.Digest, len(h.Digests))
	for i, text := range h.Digests {
		raw, err := hex.DecodeString(text)
		if err != nil || len(raw) != len(digests[i]) {
			return fmt.Errorf("height %d: %q is no digest", h.Height, text)
		}
		copy(digests[i][:], raw)
	}
	a.root = protocol.ChainRoot(a.root, protocol.Height(h.Height), id, digests)
	if a.root.String() != h.Root {
		return fmt.Errorf("height %d has the chain root %s, not %s", h.Height, h.Root, a.root)
	}
	return nil
}

// digests compares the state digests at the newest height, if it is time.
func (a *audit) digests(h proof.Height, due bool) error {
	if !due {
		return nil
	}
	if len(h.Digests) != shards {
		return fmt.Errorf("height %d has %d state digests", h.Height, len(h.Digests))
	}
	for shard, got := range h.Digests {
		if want := a.run.StateDigest(a.plan.slots, protocol.ShardID(shard)).String(); got != want {
			return fmt.Errorf("height %d, shard %d: state digest %s, a sequential run has %s", h.Height, shard, got, want)
		}
	}
	return nil
}

func (a *audit) accounts() (all [shards][sha256.Size]byte) {
	var sums [shards]accountSum
	for _, key := range a.keys {
		value, _ := a.run.Get(key)
		sums[a.plan.slots.Owner(key)].add(value)
	}
	for shard := range sums {
		all[shard] = sums[shard].sum()
	}
	return all
}

// answered compares what clients were told with the history, which must reach
// beyond the newest answer.
func (a *audit) answered(committed map[uint64]proof.Height, abandoned map[uint64]bool) error {
	for number, told := range committed {
		is, ok := a.history[number]
		if !ok {
			return fmt.Errorf("block %q was answered as committed at height %d, and is not in the history up to height %d", told.Key, told.Height, a.at)
		}
		if !reflect.DeepEqual(told, is) {
			return fmt.Errorf("block %q was answered as %+v, and stands in the history as %+v", told.Key, told, is)
		}
	}
	for number := range abandoned {
		if is, ok := a.history[number]; ok {
			return fmt.Errorf("block %q was answered as aborted and given up, and is committed at height %d", is.Key, is.Height)
		}
	}
	return nil
}

// read compares what readers saw with the sequential run (invariant 8).
func (a *audit) read(seen []glimpse) error {
	for _, g := range seen {
		if g.height == 0 {
			continue // before the first block
		}
		a.reads++
		if a.sums[g.height][g.shard] != g.sum {
			return fmt.Errorf("a read of shard %d at height %d saw other balances than a sequential run has there", g.shard, g.height)
		}
	}
	return nil
}
