package demo

import (
	"context"
	"fmt"
)

// crashBlocks is how many blocks the step has in flight.
const crashBlocks = 4

// killCoordinator kills the coordinator between the votes and its decision.
func (d *demo) killCoordinator(ctx context.Context) error {
	shards := d.cluster.shards
	s := shards[len(shards)/2]
	d.stage.heading("4. The coordinator is killed between the votes and its decision")
	height, flights, err := d.holdVote(ctx, s, crashBlocks)
	if err != nil {
		return err
	}
	d.stage.Say("%s wait for %s, heights %d to %d; every shard has voted, and the votes of shard %d are on their way",
		count(len(flights), "client"), count(len(flights), "block"), height, height+crashBlocks-1, s.id)
	before := d.cluster.look(ctx)
	coordinator := d.cluster.coordinators[0]
	pid := coordinator.PID()
	coordinator.Kill()
	s.up.Open()
	d.stage.Say("the coordinator, process %d, is killed with SIGKILL", pid)
	v, err := d.await(ctx, "every shard says that it waits for the coordinator", func(v view) bool {
		for i := range v.shards {
			if v.state(i) != "waiting_for_coordinator" {
				return false
			}
		}
		return v.allPrepared(crashBlocks, height)
	})
	if err != nil {
		return err
	}
	d.stage.table(v.table())
	if landed(flights) {
		return fmt.Errorf("all clients were answered although the coordinator was killed before it decided")
	}
	if err := d.cluster.startCoordinator(ctx, 0); err != nil {
		return err
	}
	d.stage.Say("the coordinator is started again, as process %d, with its dashboard at http://%s/; nobody told the clients, who ask again under the same block keys", coordinator.PID(), coordinator.http)
	if err := d.settle(ctx, "kill_coordinator", flights); err != nil {
		return err
	}
	after := d.cluster.look(ctx)
	if before.cluster != nil && after.cluster != nil {
		d.stage.Say("epoch %d before the kill, epoch %d after it", before.cluster.Epoch, after.cluster.Epoch)
	}
	return nil
}
