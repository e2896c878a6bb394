package demo

import (
	"context"
	"errors"
	"fmt"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/proof"
)

// Run shows the whole demo. It gives up when a process ends that it has not
// killed. An error that is a difference found has exit code 4. No process
// outlives it.
func Run(ctx context.Context, o Options) (err error) {
	space, err := newWorkspace(o.Directory)
	if err != nil {
		return err
	}
	d := &demo{options: o, stage: newStage(o), space: space, book: &book{answers: map[string]answer{}}}
	defer func() { err = errors.Join(err, d.leave(ctx, err)) }()
	running, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	if d.cluster, err = newCluster(o, space, fail); err != nil {
		return err
	}
	defer func() {
		if err != nil && ctx.Err() == nil {
			d.stage.logs(d.cluster.processes())
		}
		err = errors.Join(err, d.cluster.close())
	}()
	err = d.run(running)
	if running.Err() != nil && err != nil {
		return context.Cause(running) // a process was lost, or the user interrupts
	}
	return err
}

// demo is one run.
type demo struct {
	options   Options
	space     workspace
	stage     *stage
	cluster   *cluster
	book      *book
	file      *file // nil without --input
	generator *generator
}

func (d *demo) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		d.book.flying.Wait()
	}()
	if err := d.begin(ctx); err != nil {
		return err
	}
	if d.file != nil {
		defer d.file.close() //nolint:errcheck // it was only read
	}
	steps := []func(context.Context) error{d.load, d.cutOff, d.killShard, d.killCoordinator, d.prove}
	if d.options.several() {
		steps = []func(context.Context) error{d.load, d.cutOff, d.killShard, d.killLeader, d.killMajority, d.prove}
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return refused(err)
		}
	}
	d.stage.Say("done: nothing was lost, nothing was done twice, and every byte is what it should be")
	return nil
}

// refused gives an untrue answer its exit code.
func refused(err error) error {
	var l *lie
	if errors.As(err, &l) {
		return cli.Refused(err)
	}
	return err
}

// begin starts the cluster.
func (d *demo) begin(ctx context.Context) error {
	d.stage.heading("%s and %s, each a process of its own", d.options.coordinatorsTitle(), count(d.options.Shards, "shard"))
	blocks, err := proof.OpenBlocks(d.space.dir)
	if err != nil {
		return err
	}
	d.book.client, d.book.blocks = d.cluster.client, blocks
	d.generator = newGenerator(d.options)
	if err := d.cluster.start(ctx); err != nil {
		return err
	}
	d.stage.Say("data is in %s", d.space.dir)
	for _, m := range d.cluster.coordinators {
		d.stage.Say("%s is process %d; look at %s", m.title(), m.PID(), d.cluster.certs.URL(m.http, "/"))
	}
	v, err := d.await(ctx, "all shards are ready", func(v view) bool { return v.level(0) })
	if err != nil {
		return err
	}
	if d.options.Input != "" {
		limits, err := d.cluster.client.AwaitLimits(ctx, awaitTimeout, nil)
		if err != nil {
			return err
		}
		if d.file, err = openFile(d.options.Input, limits, d.options.BlockSize, d.options.keptBlocks()); err != nil {
			return cli.Usage(err)
		}
	}
	d.stage.table(v.table())
	return nil
}

// next gives a block for the steps after the load: what the file has left, else
// a generated one.
func (d *demo) next() (block, error) {
	if d.file != nil && len(d.file.ahead) > 0 {
		return d.file.take(), nil
	}
	return d.generator.next()
}

// leave removes a temporary directory after a success or an interrupt, and else
// names it.
func (d *demo) leave(ctx context.Context, failure error) error {
	if failure == nil || d.space.temporary && ctx.Err() != nil {
		return d.space.clean()
	}
	d.stage.Say("everything is kept in %s", d.space.dir)
	return nil
}

func (o Options) coordinatorsTitle() string {
	if o.several() {
		return count(o.Coordinators, "coordinator")
	}
	return "A coordinator"
}

func count(n int, noun string) string {
	if n == 1 {
		return "one " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
