package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/protocol"
)

// cutBlocks is how many blocks the step needs.
const cutBlocks = 1

// cutOff cuts a shard off from the coordinator in the middle of a block.
func (d *demo) cutOff(ctx context.Context) error {
	s := d.cluster.shards[len(d.cluster.shards)-1]
	d.stage.heading("2. Shard %d is cut off from the coordinator in the middle of a block", s.id)
	height, f, err := d.holdVote(ctx, s, 1)
	if err != nil {
		return err
	}
	d.stage.Say("every shard is prepared at height %d; the vote of shard %d is on its way", height, s.id)
	s.up.Cut()
	began := time.Now()
	d.stage.Say("cut: the link between shard %d and the coordinator is gone, and the vote with it", s.id)
	v, err := d.await(ctx, fmt.Sprintf("shard %d says that it waits for the coordinator", s.id), func(v view) bool {
		return v.state(s.id) == "waiting_for_coordinator" && v.allPrepared(1, height) && v.misses(s.id)
	})
	if err != nil {
		return err
	}
	d.stage.table(v.table())
	d.stage.Say("shard %d says: %s", s.id, v.shards[s.id].Reason)
	d.stage.Say("the coordinator says: shard %d is disconnected; height %d waits for its vote", s.id, height)
	if err := d.readFrom(ctx, s, height-1, keyOf(f[0].block, s, len(v.shards))); err != nil {
		return err
	}
	if f[0].down() {
		return fmt.Errorf("block %q was answered although shard %d is cut off", f[0].key, s.id)
	}
	s.up.Open()
	d.stage.Say("the link is healed, after %s", report.Duration(time.Since(began)))
	return d.settle(ctx, "cut", f)
}

// holdVote keeps back what a shard sends to the coordinator, submits n blocks,
// and waits until the decisions lack nothing but that shard's votes, which it
// has cast. It gives the height of the first block.
func (d *demo) holdVote(ctx context.Context, s *shard, n int) (height uint64, flights []*flight, err error) {
	v, err := d.onItsWay(ctx, s)
	if err != nil {
		return 0, nil, err
	}
	height = v.cluster.Height + 1
	s.up.Hold()
	for range n {
		b, err := d.next()
		if err != nil {
			return 0, nil, err
		}
		flights = append(flights, d.book.launch(ctx, b))
	}
	_, err = d.await(ctx, fmt.Sprintf("only the vote of shard %d is missing", s.id), func(v view) bool {
		return v.waitsOnlyFor(s.id, n) && v.allPrepared(n, height)
	})
	return height, flights, err
}

// onItsWay waits until all shards are level, one of them over its own link to the
// coordinator that leads: the shards follow each other's leader by another one.
func (d *demo) onItsWay(ctx context.Context, s *shard) (view, error) {
	for {
		v, err := d.await(ctx, "all shards are level", func(v view) bool { return v.level(0) })
		if err != nil || s.up[v.leader].InUse() {
			return v, err
		}
		d.stage.Progress("shard %d is started again, to come over its own link", s.id)
		if _, err := s.Stop(stopTimeout); err != nil {
			return v, err
		}
		if err := d.cluster.launchShard(s, v.leader); err != nil {
			return v, err
		}
		if err := d.cluster.awaitShard(ctx, s); err != nil {
			return v, err
		}
	}
}

// readFrom shows that a shard without its coordinator serves what is committed.
func (d *demo) readFrom(ctx context.Context, s *shard, height uint64, key []byte) error {
	reader, err := client.NewShardAs(d.cluster.certs.Client(), s.peers.Address())
	if err != nil {
		return err
	}
	defer reader.Close()
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	got, err := reader.Get(ctx, [][]byte{key}, 0)
	if err != nil {
		return fmt.Errorf("read from shard %d while it is cut off: %w", s.id, err)
	}
	if got.GetHeight() != height {
		return fmt.Errorf("shard %d, which is cut off, serves height %d instead of %d", s.id, got.GetHeight(), height)
	}
	d.stage.Say("process %d is up, and serves reads as of height %d: %s is %s", s.PID(), height, report.Printable(string(key)), shownBalance(got.GetValues()[0]))
	return nil
}

// keyOf gives a key that the block touches on a shard; if there is none, that of
// an account there.
func keyOf(b block, s *shard, shards int) []byte {
	slots := protocol.EvenSlots(shards)
	transactions, err := protocol.DecodeBody(b.body, protocol.DefaultLimits())
	for i := 0; err == nil && i < len(transactions); i++ {
		for _, a := range transactions[i].Access {
			if slots.Owner(a.Key) == protocol.ShardID(s.id) {
				return a.Key
			}
		}
	}
	for i := 0; ; i++ {
		if key := accountKey(i); slots.Owner(key) == protocol.ShardID(s.id) {
			return key
		}
	}
}
