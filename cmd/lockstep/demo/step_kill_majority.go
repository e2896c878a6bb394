package demo

import (
	"context"
	"fmt"
)

// awayBlocks is how many blocks the step has in flight.
const awayBlocks = 2

// killMajority kills so many coordinators that those that are left may decide
// nothing, and brings them back.
func (d *demo) killMajority(ctx context.Context) error {
	all := d.cluster.coordinators
	n := len(all)/2 + 1
	d.stage.heading("5. %d of %d coordinators are killed: a majority is away", n, len(all))
	before, err := d.await(ctx, "all is level", func(v view) bool { return v.level(0) && v.followed() })
	if err != nil {
		return err
	}
	var gone []int
	for i := range n {
		at := (before.leader + i) % len(all)
		all[at].Kill()
		gone = append(gone, at)
		d.stage.Say("%s, process %d, is killed with SIGKILL", all[at].name, all[at].PID())
	}
	var flights []*flight
	for range awayBlocks {
		b, err := d.next()
		if err != nil {
			return err
		}
		flights = append(flights, d.book.launch(ctx, b))
	}
	v, err := d.await(ctx, "every shard says that it waits for a coordinator", func(v view) bool {
		for i := range v.shards {
			if v.state(i) != "waiting_for_coordinator" {
				return false
			}
		}
		return v.standsInVain()
	})
	if err != nil {
		return err
	}
	d.stage.table(v.table())
	if anyLanded(flights) {
		return fmt.Errorf("a client was answered although no majority of coordinators is there")
	}
	d.stage.Say("who is left stands for election in vain: no coordinator leads and nothing is decided; %s wait, and shards serve reads of what is committed", count(len(flights), "client"))
	for _, i := range gone {
		if err := d.cluster.startCoordinator(ctx, i); err != nil {
			return err
		}
		d.stage.Say("%s is started again, as process %d", all[i].name, all[i].PID())
	}
	if v, err = d.await(ctx, "a coordinator leads and all others follow", view.followed); err != nil {
		return err
	}
	d.stage.Say("%s leads", all[v.leader].name)
	return d.settle(ctx, "kill_majority", flights)
}
