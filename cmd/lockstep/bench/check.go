package bench

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"sync"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/workload"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/proof"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Checks are what was checked after the load. What fails ends the run with exit
// code 4, so what stands here holds; null was not checked.
type Checks struct {
	Height   uint64   `json:"height"`   // of all shards, everything checkpointed
	Balances *big.Int `json:"balances"` // their sum, the same before and after the load
	// SameAsBare says that the state of every shard is the one that the bare run
	// of the same blocks came to.
	SameAsBare bool `json:"same_as_bare,omitempty"`
	// Proof says that every byte is what one run of the committed blocks, one
	// after the other, comes to.
	Proof bool `json:"proof,omitempty"`
}

// readKeys is how many keys are read at once.
const readKeys = 4000

// balances adds up the accounts of the workload, as of one height; nil for a
// file.
func (b *bench) balances(ctx context.Context, c *cluster) (*big.Int, error) {
	if b.supply.generator == nil {
		return nil, nil
	}
	sum, height, accounts := new(big.Int), uint64(0), b.options.Workload.Accounts
	for from := 0; from < accounts; from += readKeys {
		b.story.Progress("adding up the balances: %s of %s accounts", report.Count(from), report.Count(accounts))
		var keys [][]byte
		for i := from; i < min(from+readKeys, accounts); i++ {
			keys = append(keys, workload.AccountKey(uint32(i)))
		}
		answer, err := c.client.Get(ctx, keys, height)
		if err != nil {
			return nil, fmt.Errorf("add up the balances: %w", err)
		}
		height = answer.GetHeight()
		if err := add(sum, answer.GetValues()); err != nil {
			return nil, err
		}
	}
	return sum, nil
}

func add(sum *big.Int, values []*wirepb.Value) error {
	for _, v := range values {
		if !v.GetFound() {
			continue // a balance of 0
		}
		balance, err := ledger.Balance(v.GetValue())
		if err != nil {
			return cli.Refusedf("an account does not hold a balance: %w", err)
		}
		sum.Add(sum, balance.ToBig())
	}
	return nil
}

// check looks at the cluster after the load; before is the sum of balances.
func (b *bench) check(ctx context.Context, c *cluster, before *big.Int) (Checks, error) {
	now, err := c.await(ctx, "everything is checkpointed", checkpointed)
	if err != nil {
		return Checks{}, err
	}
	sum, err := b.balances(ctx, c)
	if err != nil {
		return Checks{}, err
	}
	if sum != nil && sum.Cmp(before) != 0 {
		return Checks{}, cli.Refusedf("the balances add up to %s after the load, and to %s before it", sum, before)
	}
	return Checks{Height: now.Height, Balances: sum}, nil
}

// prover remembers all blocks that are sent, if they are to be proved in the
// end. It is safe for concurrent use.
type prover struct {
	keep bool

	mu     sync.Mutex
	blocks []workload.Block // under the keys they were sent with
}

func (p *prover) sent(key string, b workload.Block) {
	if !p.keep {
		return
	}
	b.Key = key
	p.mu.Lock()
	defer p.mu.Unlock()
	p.blocks = append(p.blocks, b)
}

// prove stops the cluster and compares every byte with a sequential run of what
// was committed.
func (b *bench) prove(ctx context.Context, c *cluster, p *prover) (bool, error) {
	history, err := historyOf(ctx, c)
	if err != nil {
		return false, err
	}
	if err := c.stop(); err != nil {
		return false, err
	}
	blocks, err := proof.OpenBlocks(c.dir)
	if err != nil {
		return false, err
	}
	for _, block := range p.blocks {
		if err := blocks.Put(block.Key, block.Body); err != nil {
			return false, fmt.Errorf("keep block %q for the proof: %w", block.Key, err)
		}
	}
	r, err := proof.Check(proof.Input{Shards: c.shardDirectories(), History: history, Blocks: blocks, Progress: func(height, heights int) {
		b.story.Progress("running the committed blocks one after the other: %s of %s", report.Count(height), report.Count(heights))
	}})
	switch {
	case err != nil:
		return false, err
	case !r.Holds():
		return false, cli.Refusedf("the proof fails: %s; the first: %s", report.Plural(r.Total, "difference"), r.Findings[0])
	}
	b.story.Say("every byte is what one run of the %s, one after the other, comes to", report.Plural(r.Height, "block"))
	return true, nil
}

func historyOf(ctx context.Context, c *cluster) (history []proof.Height, err error) {
	s, err := c.client.Status(ctx)
	if err != nil {
		return nil, err
	}
	err = c.client.Blocks(ctx, 1, int(s.GetHeight()), func(page []*wirepb.Block) error {
		for _, b := range page {
			history = append(history, proof.HeightOf(b))
		}
		return nil
	})
	if err == nil && len(history) == 0 {
		err = errors.New("nothing was committed")
	}
	return history, err
}
