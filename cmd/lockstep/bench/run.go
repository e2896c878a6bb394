package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/measure"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/pg"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/protocol"
)

// lockstep is the name of our own system among the rivals.
const lockstep = "lockstep"

// leastRival is what a rival has at least for its blocks, so that its figures
// mean something.
const leastRival = 2 * time.Second

// bench is one measurement of several rounds.
type bench struct {
	options  Options
	story    *report.Story
	space    *workspace
	postgres pg.Installation
	prefix   string // of block keys
	supply   *supply
	config   protocol.Config
	rounds   []round
}

// round is what all systems came to, one after the other.
type round struct {
	ours   ours
	rivals map[string]Figures
}

// Run measures, and prints and writes what it came to. Whatever it started and
// made is gone when it returns, unless it is to be kept. An error that is a
// difference found has exit code 4, and an unknown outcome 3.
func Run(ctx context.Context, o Options) (err error) {
	if err := o.Validate(); err != nil {
		return err
	}
	b := &bench{options: o, story: report.NewStory(o.Err), prefix: "bench/" + rand.Text()}
	if slices.Contains(o.Compare, Postgres) {
		if b.postgres, err = pg.Find(); err != nil {
			return cli.Usagef("--compare postgres: %w", err)
		}
	}
	if b.space, err = newWorkspace(o.Directory); err != nil {
		return err
	}
	defer func() {
		b.story.End()
		if !o.Keep {
			err = errors.Join(err, b.space.clean())
		}
	}()
	fsync, err := measure.Fsync(ctx, b.space.dir)
	if err != nil {
		return err
	}
	b.story.Say("an fsync of 4 KiB takes %.2f ms here at the median", fsync.P50)
	for i := range o.Rounds {
		if err := b.oneRound(ctx, i); err != nil {
			return err
		}
	}
	b.story.End()
	if o.Keep {
		b.story.Say("the data is kept in %s", b.space.dir)
	}
	return b.publish(b.report(fsync))
}

// systems are those that take turns, in the order of a round.
func (b *bench) systems(round int) []string {
	all := []string{lockstep}
	for _, name := range b.options.Compare {
		if name == Postgres {
			all = append(all, Postgres, PostgresBlock)
		} else {
			all = append(all, name)
		}
	}
	if round%2 == 1 {
		slices.Reverse(all)
	}
	return all
}

func (b *bench) oneRound(ctx context.Context, i int) error {
	r := round{rivals: map[string]Figures{}}
	var digests []string // of the bare run
	for _, name := range b.systems(i) {
		var err error
		if name == lockstep {
			if r.ours, err = b.measureOurs(ctx, i); err == nil {
				b.story.Say("%s", r.ours.told())
			}
		} else {
			r.rivals[name], digests, err = b.measureRival(ctx, name, i, b.taskFor(i, r.ours), digests)
		}
		if err != nil {
			return err
		}
	}
	if b.comparable(r, digests) {
		if err := sameState(r.ours, digests); err != nil {
			return err
		}
		r.ours.checks.SameAsBare = true
	}
	b.rounds = append(b.rounds, r)
	return nil
}

// comparable reports whether the bare run and Lockstep ran the same blocks. Those
// of a file run in its order, and the order of others makes no difference.
func (b *bench) comparable(r round, digests []string) bool {
	return digests != nil && r.rivals[Bare].Blocks == len(r.ours.samples)
}

// taskFor gives the rivals the blocks that Lockstep did in this round, or, if
// it has yet to do them, in the first.
func (b *bench) taskFor(i int, now ours) task {
	if now.transactions == 0 {
		now = b.rounds[0].ours
	}
	return task{
		supply: b.supply, config: b.config, blocks: len(now.samples), most: max(2*now.elapsed, leastRival),
	}
}

func (b *bench) measureRival(ctx context.Context, name string, i int, t task, digests []string) (f Figures, _ []string, err error) {
	dir, err := b.space.folder(name, i)
	if err != nil {
		return f, digests, err
	}
	t.tell = b.landed(name)
	b.story.Progress("%s: filling accounts and warming up", name)
	switch name {
	case Bare:
		f, digests, err = b.measureBare(ctx, dir, t)
	case Postgres:
		f, err = b.measurePostgres(ctx, dir, t, (*pg.Bench).Transactions)
	case PostgresBlock:
		f, err = b.measurePostgres(ctx, dir, t, (*pg.Bench).Blocks)
	}
	if err != nil {
		return f, digests, fmt.Errorf("compare with %s: %w", name, err)
	}
	b.story.Say("%s", f.told(name))
	return f, digests, nil
}
