package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
)

// proof compares what the cluster has come to with a sequential run of the same blocks,
// and counts the stock.
func (s *story) proof(ctx context.Context) error {
	reference := executor.NewSequential(Machine{}, protocol.DefaultLimits())
	last, err := s.replay(ctx, reference)
	if err != nil {
		return err
	}
	slots := protocol.EvenSlots(len(s.cluster.shards))
	for id, digest := range last.Digests {
		if want := reference.StateDigest(slots, protocol.ShardID(id)); digest != want {
			return fmt.Errorf("shard %d has come to state %s, a sequential run to %s", id, digest, want)
		}
	}
	s.say("A sequential run of the %d blocks comes to the same outcomes,\n   and to the same state on all %d shards, byte for byte.", last.Height, len(last.Digests))
	w, height, err := s.count(ctx, last.Height)
	if err != nil {
		return err
	}
	if err := w.oversold(); err != nil {
		return err
	}
	s.say("Read as of height %d, from all shards, nothing was oversold and nothing got lost:\n   %d orders hold what is not free.", height, w.orders)
	w.print(s.out)
	return nil
}

var errAllSeen = errors.New("all blocks were seen")

// replay runs the committed blocks on the reference, in the order of their heights, and
// gives the last one.
func (s *story) replay(ctx context.Context, reference *executor.Sequential) (last client.Result, err error) {
	err = s.client.Watch(ctx, 1, func(r client.Result) error {
		outcomes, err := reference.Execute(s.blocks[r.Key])
		if err != nil {
			return err
		}
		if !outcomes.Equal(r.Outcomes) {
			return fmt.Errorf("block %q has other outcomes than a sequential run", r.Key)
		}
		if last = r; int(r.Height) == len(s.blocks) {
			return errAllSeen
		}
		return nil
	})
	if errors.Is(err, errAllSeen) {
		err = nil
	}
	return last, err
}

// count reads the stock and all orders as of one height.
func (s *story) count(ctx context.Context, at uint64) (w *warehouse, height uint64, err error) {
	var keys [][]byte
	for _, item := range items {
		keys = append(keys, stockKey(item))
	}
	for _, o := range s.orders {
		keys = append(keys, orderKey(o.order))
	}
	read, err := s.client.Get(ctx, at, keys...)
	if err != nil {
		return nil, 0, err
	}
	w = newWarehouse()
	for i, value := range read.Values {
		if value.Present {
			err = errors.Join(err, w.add(string(keys[i]), value.Bytes))
		}
	}
	return w, read.Height, err
}
