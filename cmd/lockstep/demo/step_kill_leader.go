package demo

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

// takenOver is what a change of leaders came to, for programs.
type takenOver struct {
	Killed    string  `json:"killed"`
	Leader    string  `json:"leader"`
	ElectedMs float64 `json:"elected_ms"`        // from the kill until another one led
	BlockMs   float64 `json:"next_committed_ms"` // … until a client was told of a block
	Epochs    [2]int  `json:"epochs_before_after"`
}

// killLeader kills the coordinator that leads between the votes and its decision,
// under load, and brings it back as one that follows.
func (d *demo) killLeader(ctx context.Context) error {
	shards := d.cluster.shards
	s := shards[len(shards)/2]
	d.stage.heading("4. The leader is killed under load, between the votes and its decision")
	height, flights, err := d.holdVote(ctx, s, crashBlocks)
	if err != nil {
		return err
	}
	before := d.cluster.look(ctx)
	if before.leader < 0 {
		return fmt.Errorf("no coordinator leads although nothing was done to one")
	}
	dead := d.cluster.coordinators[before.leader]
	d.stage.Say("%s wait for %s, heights %d to %d; every shard has voted, and the votes of shard %d are on their way to %s, which leads",
		count(len(flights), "client"), count(len(flights), "block"), height, height+crashBlocks-1, s.id, dead.name)
	if landed(flights) {
		return fmt.Errorf("all clients were answered before all votes were there")
	}
	load := d.keepLoading(ctx)
	pid, began := dead.PID(), time.Now()
	dead.Kill()
	s.up.Open()
	d.stage.Say("%s, process %d, is killed with SIGKILL; clients go on submitting, and nobody tells anybody", dead.name, pid)
	result, err := d.awaitTakeOver(ctx, before, began, flights)
	if err != nil {
		return err
	}
	if err := d.bringBack(ctx, before.leader); err != nil {
		return err
	}
	if err := load.end(d); err != nil {
		return err
	}
	if err := d.settle(ctx, "kill_leader", flights); err != nil {
		return err
	}
	return d.stage.result("taken_over", result)
}

// awaitTakeOver waits until another coordinator leads and a client has an answer.
func (d *demo) awaitTakeOver(ctx context.Context, before view, began time.Time, flights []*flight) (r takenOver, err error) {
	v, err := d.await(ctx, "another coordinator leads", func(v view) bool { return v.leader >= 0 && v.leader != before.leader })
	if err != nil {
		return r, err
	}
	elected, leader := time.Since(began), d.cluster.coordinators[v.leader]
	d.stage.Say("%s leads, %s after the kill, in term %d", leader.name, report.Duration(elected), v.group[v.leader].Term)
	v, err = d.await(ctx, "the first client is answered", func(v view) bool { return v.cluster != nil && anyLanded(flights) })
	if err != nil {
		return r, err
	}
	told := time.Since(began)
	d.stage.Say("the first client has its answer, %s after the kill, under the block key that it had sent to %s", report.Duration(told), d.cluster.coordinators[before.leader].name)
	d.stage.Say("epoch %d before the kill, epoch %d after it: whatever %s may still have said is refused by every shard",
		before.cluster.Epoch, v.cluster.Epoch, d.cluster.coordinators[before.leader].name)
	d.stage.table(v.table())
	return takenOver{
		Killed: d.cluster.coordinators[before.leader].name, Leader: leader.name, ElectedMs: milliseconds(elected), BlockMs: milliseconds(told),
		Epochs: [2]int{int(before.cluster.Epoch), int(v.cluster.Epoch)},
	}, nil
}

// bringBack starts a coordinator again, which then follows.
func (d *demo) bringBack(ctx context.Context, i int) error {
	m := d.cluster.coordinators[i]
	if err := d.cluster.startCoordinator(ctx, i); err != nil {
		return err
	}
	v, err := d.await(ctx, fmt.Sprintf("%s follows and is level", m.name), view.followed)
	if err != nil {
		return err
	}
	d.stage.Say("%s is started again, as process %d: it is a %s, and has what was decided meanwhile", m.name, m.PID(), v.group[i].Role)
	return nil
}

func anyLanded(flights []*flight) bool {
	for _, f := range flights {
		if f.down() {
			return true
		}
	}
	return false
}

// background is load that goes on while a step does something else.
type background struct {
	stopped atomic.Bool
	ended   chan struct{}
	figures figures
	err     error
}

// keepLoading has clients submit transfers until the load is ended. A file's
// blocks are not mixed with others: then there is none.
func (d *demo) keepLoading(ctx context.Context) *background {
	b := &background{ended: make(chan struct{})}
	if d.file != nil {
		close(b.ended)
		return b
	}
	d.book.flying.Go(func() {
		defer close(b.ended)
		b.figures, b.err = d.measured(ctx, "transfers meanwhile", d.options.Clients, untilStopped{d.generator, &b.stopped})
	})
	return b
}

// untilStopped gives blocks until it is told to stop.
type untilStopped struct {
	source
	stopped *atomic.Bool
}

func (u untilStopped) next() (block, error) {
	if u.stopped.Load() {
		return block{}, io.EOF
	}
	return u.source.next()
}

// end ends the load and shows what it came to.
func (b *background) end(d *demo) error {
	b.stopped.Store(true)
	<-b.ended
	if b.err != nil || b.figures.Blocks == 0 {
		return b.err
	}
	return d.showFigures(b.figures)
}
