package bench

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/measure"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/workload"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

// fillPipeline is how many blocks are under way while accounts are filled.
const fillPipeline = 8

// ours is what one round of Lockstep came to.
type ours struct {
	result
	settled   time.Duration // from the first submission until all was checkpointed
	processes []Process     // nil if the cluster ran before
	tiny      []time.Duration
	digests   []string // state digests of the shards after the load
	checks    Checks
	restart   *Restart // nil if it was not wanted, or not in this round
	away      *Away    // likewise
}

// measureOurs runs one round on a cluster of its own, or on the one given.
func (b *bench) measureOurs(ctx context.Context, round int) (o ours, err error) {
	running, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	c, err := b.cluster(running, round, fail)
	if err != nil {
		return o, lostOr(running, err)
	}
	defer func() { err = errors.Join(err, c.close()) }()
	o, err = b.round(running, c, round)
	return o, lostOr(running, err)
}

// lostOr prefers the loss of a process to what followed from it.
func lostOr(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (b *bench) cluster(ctx context.Context, round int, lost func(error)) (*cluster, error) {
	if b.options.Coordinator != "" {
		return join(ctx, b.options.Identity, b.options.Coordinator)
	}
	dir, err := b.space.folder("lockstep", round)
	if err != nil {
		return nil, err
	}
	b.story.Progress("starting %s and %s", report.Plural(max(b.options.Coordinators, 1), "coordinator"), report.Plural(b.options.Shards, "shard"))
	return start(ctx, b.options, dir, lost)
}

func (b *bench) round(ctx context.Context, c *cluster, round int) (o ours, err error) {
	if b.supply == nil {
		if b.supply, err = newSupply(b.options, c.config); err != nil {
			return o, err
		}
		b.config = c.config
	}
	p := &prover{keep: b.options.Verify}
	if err := b.warmUp(ctx, c, p); err != nil {
		return o, err
	}
	sum, err := b.balances(ctx, c)
	if err != nil {
		return o, err
	}
	if err := b.load(ctx, c, p, &o); err != nil {
		return o, err
	}
	if o.checks, err = b.check(ctx, c, sum); err != nil {
		return o, err
	}
	if round == 0 && b.options.LatencyBlocks > 0 && b.supply.generator != nil {
		if o.tiny, err = b.latency(ctx, c, p); err != nil {
			return o, err
		}
	}
	if round == 0 {
		if err := b.faults(ctx, c, p, &o, sum); err != nil {
			return o, err
		}
	}
	if p.keep {
		o.checks.Proof, err = b.prove(ctx, c, p)
	}
	return o, err
}

// faults takes shards away under load, as far as it is wanted, and checks again
// that nothing is lost.
func (b *bench) faults(ctx context.Context, c *cluster, p *prover, o *ours, before *big.Int) (err error) {
	if !b.options.Restart && b.options.Away == 0 {
		return nil
	}
	if b.options.Restart {
		if o.restart, err = b.restart(ctx, c, p); err != nil {
			return err
		}
	}
	if b.options.Away > 0 {
		if o.away, err = b.away(ctx, c, p); err != nil {
			return err
		}
	}
	o.checks, err = b.check(ctx, c, before)
	return err
}

// warmUp fills the accounts and runs blocks that are not counted.
func (b *bench) warmUp(ctx context.Context, c *cluster, p *prover) error {
	if b.supply.generator == nil {
		return nil
	}
	filling := load{
		client: c.client, prefix: b.prefix + "/fill", blocks: b.supply.generator.Openings(), next: b.supply.generator.Opening, sent: p.sent,
		landed: func(blocks, transactions int) {
			b.story.Progress("filling accounts: %s of %s", report.Count(transactions), report.Count(b.options.Workload.Accounts))
		},
	}
	if _, err := filling.run(ctx, fillPipeline); err != nil {
		return err
	}
	if _, err := c.await(ctx, "the accounts are checkpointed", checkpointed); err != nil {
		return err
	}
	warming := load{
		client: c.client, prefix: b.prefix + "/warm", blocks: len(b.supply.warm), sent: p.sent,
		next:   func(i int) (workload.Block, error) { return b.supply.warm[i], nil },
		landed: b.landed("warming up"),
	}
	warm, err := warming.run(ctx, b.options.Pipeline)
	if err != nil {
		return err
	}
	if b.supply.blocks == nil {
		b.story.Progress("making blocks ahead")
		if err := b.supply.prepare(b.options, warm.pace()); err != nil {
			return err
		}
	}
	_, err = c.await(ctx, "the warm-up is checkpointed", checkpointed)
	return err
}

// load is what is measured.
func (b *bench) load(ctx context.Context, c *cluster, p *prover, o *ours) error {
	measured := load{
		client: c.client, prefix: b.prefix + "/load", blocks: b.options.Blocks, duration: b.options.Duration, sent: p.sent,
		next:   func(i int) (workload.Block, error) { return b.supply.at(i), nil },
		landed: b.landed("lockstep"), ordered: b.options.Input != "",
	}
	if b.options.Input != "" && (measured.blocks == 0 || measured.blocks > len(b.supply.blocks)) {
		measured.blocks = len(b.supply.blocks) // a file is run once
	}
	watch, err := newWatch(c.processes())
	if err != nil {
		watch = nil // the system does not tell
	}
	if watch != nil {
		defer watch.end()
	}
	if o.result, err = measured.run(ctx, b.options.Pipeline); err != nil {
		return err
	}
	now, err := c.await(ctx, "everything is checkpointed", checkpointed)
	if err != nil {
		return err
	}
	o.settled = time.Since(o.began)
	for _, s := range now.Shards {
		o.digests = append(o.digests, s.StateDigest)
	}
	if watch == nil || len(c.daemons) == 0 {
		return nil
	}
	if o.processes, err = watch.processes(o.transactions); err != nil {
		return err
	}
	for i := range o.processes {
		o.processes[i].flatness(o.elapsed.Seconds())
	}
	return nil
}

// latency submits blocks of one transaction, one at a time.
func (b *bench) latency(ctx context.Context, c *cluster, p *prover) ([]time.Duration, error) {
	tiny, err := generate(b.options.LatencyBlocks, func(i int) (workload.Block, error) { return b.supply.generator.Tiny(firstTiny + i) })
	if err != nil {
		return nil, err
	}
	one := load{
		client: c.client, prefix: b.prefix + "/tiny", blocks: len(tiny), sent: p.sent,
		next: func(i int) (workload.Block, error) { return tiny[i], nil },
		landed: func(blocks, _ int) {
			b.story.Progress("blocks of one transaction, one at a time: %s of %s", report.Count(blocks), report.Count(len(tiny)))
		},
	}
	r, err := one.run(ctx, 1)
	if err == nil {
		b.story.Say("blocks of one transaction, one at a time: %.2f ms at the median", measure.PercentilesOf(r.latencies()).P50)
	}
	return r.latencies(), err
}

// landed tells how a load goes on, from the first call on. Calls must not
// overlap.
func (b *bench) landed(what string) func(blocks, transactions int) {
	var began time.Time
	first := 0
	return func(blocks, transactions int) {
		if began.IsZero() {
			began, first = time.Now(), transactions
		}
		pace := float64(transactions-first) / max(time.Since(began).Seconds(), 1e-3)
		b.story.Progress("%s: %s, %s a second", what, report.Plural(blocks, "block"), report.Count(int(pace)))
	}
}

// told says what a round came to.
func (o ours) told() string {
	return fmt.Sprintf("lockstep: %s transactions a second, %s in %s", report.Count(int(o.pace())), report.Plural(len(o.samples), "block"), report.Duration(o.elapsed))
}
