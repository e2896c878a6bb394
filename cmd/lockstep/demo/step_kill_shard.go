package demo

import (
	"context"
	"fmt"
)

// killBlocks is how many blocks the step needs.
const killBlocks = 1

// killShard kills a shard while it is prepared, and starts it again without its
// coordinator.
func (d *demo) killShard(ctx context.Context) error {
	shards := d.cluster.shards
	s, other := shards[0], shards[1%len(shards)]
	d.stage.heading("3. Shard %d is killed while it is prepared", s.id)
	height, f, err := d.holdVote(ctx, other, 1)
	if err != nil {
		return err
	}
	d.stage.Say("every shard is prepared at height %d; the vote of shard %d is on its way, so nothing is decided", height, other.id)
	pid := s.PID()
	s.up.Cut()
	s.Kill()
	d.stage.Say("shard %d, process %d, is killed with SIGKILL; its link to the coordinator is cut", s.id, pid)
	if err := d.cluster.launchShard(s, 0); err != nil {
		return err
	}
	if err := d.cluster.awaitShard(ctx, s); err != nil {
		return err
	}
	d.stage.Say("shard %d is started again, as process %d", s.id, s.PID())
	if err := d.showDoubt(ctx, s, other, height); err != nil {
		return err
	}
	s.up.Open()
	d.stage.Say("the link of shard %d is healed", s.id)
	return d.settle(ctx, "kill_shard", f)
}

// showDoubt shows the shard in doubt, first without a decision, then with one
// that it does not know.
func (d *demo) showDoubt(ctx context.Context, s, other *shard, height uint64) error {
	inDoubt := func(v view) bool { return v.state(s.id) == "in_doubt" && v.prepared(s.id, height) == 1 }
	v, err := d.await(ctx, fmt.Sprintf("shard %d says that it is in doubt", s.id), inDoubt)
	if err != nil {
		return err
	}
	d.stage.table(v.table())
	d.stage.Say("shard %d says: %s", s.id, v.shards[s.id].Reason)
	if other == s {
		return nil
	}
	other.up.Open()
	d.stage.Say("the vote of shard %d arrives", other.id)
	v, err = d.await(ctx, fmt.Sprintf("height %d is decided", height), func(v view) bool {
		return v.cluster != nil && v.cluster.Height == height && v.shards[other.id] != nil && v.shards[other.id].CommittedHeight == height && inDoubt(v)
	})
	if err != nil {
		return err
	}
	d.stage.table(v.table())
	d.stage.Say("height %d is decided; shard %d does not know, and neither commits nor aborts on its own", height, s.id)
	return nil
}
