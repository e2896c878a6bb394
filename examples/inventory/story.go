package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/protocol"
)

const (
	openingStock = 150 // of every item
	rushOrders   = 300
	streamBlocks = 20
	// Of each block of the stream.
	streamStock, streamOrders, streamCancels = 10, 25, 5
	// lonelyPatience is how long a block is tried while a shard is away.
	lonelyPatience = time.Second
	// storyPatience bounds the whole.
	storyPatience = time.Minute
)

var items = []string{"apple", "fig", "grape", "kiwi", "pear", "plum"}

// story is a client of the cluster, and what it has submitted so far.
type story struct {
	out     io.Writer
	cluster *cluster
	client  *client.Client
	random  *rand.Rand
	steps   int
	orders  []operation                       // drawn so far, the first has number 1
	blocks  map[string][]protocol.Transaction // by block key
}

func newStory(out io.Writer, c *cluster) (*story, error) {
	connected, err := client.New([]string{c.coordinator.address}, client.Options{})
	if err != nil {
		return nil, err
	}
	return &story{
		out: out, cluster: c, client: connected,
		random: rand.New(rand.NewPCG(1, 1)), blocks: map[string][]protocol.Transaction{},
	}, nil
}

func (s *story) tell(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storyPatience)
	defer cancel()
	s.say("%d shards and a coordinator run in this process, each with a directory under %s.", len(s.cluster.shards), s.cluster.dir)
	for _, step := range []func(context.Context) error{s.open, s.rush, s.lonely, s.again, s.stream, s.proof} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) say(format string, args ...any) {
	s.steps++
	fmt.Fprintf(s.out, "%d. %s\n", s.steps, fmt.Sprintf(format, args...))
}

// open fills the shelves.
func (s *story) open(ctx context.Context) error {
	r, err := s.submit(ctx, "opening", []protocol.Transaction{supply(openingStock)})
	if err != nil {
		return err
	}
	s.say("Block %q fills the shelves on all shards: height %d.", r.Key, r.Height)
	return nil
}

// rush orders more than there is, all in one block.
func (s *story) rush(ctx context.Context) error {
	r, err := s.submit(ctx, "rush", s.drawOrders(rushOrders))
	if err != nil {
		return err
	}
	counts := r.Outcomes.Counts()
	s.say("Block %q has %d orders for two items each, more than there are:\n   height %d, %d applied, %d out of stock.",
		r.Key, rushOrders, r.Height, counts[protocol.OutcomeApplied], counts[outOfStock])
	return nil
}

// lonely submits a block while a shard is away, and submits it again.
func (s *story) lonely(ctx context.Context) error {
	away := len(s.cluster.shards) - 1
	if err := s.cluster.stopShard(away); err != nil {
		return err
	}
	orders := s.drawOrders(10)
	if err := s.inVain(ctx, "lonely", orders); err != nil {
		return err
	}
	s.say("Shard %d goes away. Block \"lonely\" is tried for %s and aborted:\n   it has changed nothing, on any shard.", away, lonelyPatience)
	if err := s.cluster.startShard(away); err != nil {
		return err
	}
	r, err := s.submit(ctx, "lonely", orders)
	if err != nil {
		return err
	}
	s.say("Shard %d comes back. Block %q is submitted again, under the same key: height %d.", away, r.Key, r.Height)
	return nil
}

// inVain submits a block that cannot be committed in time.
func (s *story) inVain(ctx context.Context, key string, transactions []protocol.Transaction) error {
	hasty, err := client.New([]string{s.cluster.coordinator.address}, client.Options{Timeout: lonelyPatience})
	if err != nil {
		return err
	}
	defer hasty.Close()
	switch r, err := hasty.Submit(ctx, key, transactions); {
	case err == nil:
		return fmt.Errorf("block %q is committed at height %d without a shard", key, r.Height)
	case !errors.Is(err, client.ErrAborted):
		return err
	}
	return nil
}

// again submits a block that is committed.
func (s *story) again(ctx context.Context) error {
	r, err := s.submit(ctx, "rush", s.blocks["rush"])
	if err != nil {
		return err
	}
	s.say("Block %q is submitted a second time, as by a client that was restarted:\n   the answer is the first one, height %d.", r.Key, r.Height)
	return nil
}

// stream submits blocks in order, many under way at once, and takes a shard away for a
// moment while they are.
func (s *story) stream(ctx context.Context) error {
	feed := make(chan client.Block, streamBlocks)
	for n := range streamBlocks {
		key := fmt.Sprintf("stream-%d", n+1)
		s.blocks[key] = s.drawDay(n)
		feed <- client.Block{Key: key, Transactions: s.blocks[key]}
	}
	close(feed)
	away, landed := 0, 0
	err := s.client.SubmitInOrder(ctx, feed, 8, func(_ string, _ client.Result, err error) error {
		if err != nil {
			return err
		}
		if landed++; landed == streamBlocks/2 {
			return errors.Join(s.cluster.stopShard(away), s.cluster.startShard(away))
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.say("%d blocks of supplies, orders and cancellations are submitted in order, 8 under way at once.\n   Shard %d is stopped and started in the middle: all are committed, in their order.", landed, away)
	return nil
}

// submit submits a block and remembers it.
func (s *story) submit(ctx context.Context, key string, transactions []protocol.Transaction) (client.Result, error) {
	s.blocks[key] = transactions
	return s.client.Submit(ctx, key, transactions)
}

// drawOrders makes orders for 1 to 3 of each of two items, which mostly live on
// different shards.
func (s *story) drawOrders(n int) (orders []protocol.Transaction) {
	for range n {
		first := s.random.IntN(len(items) - 1)
		second := first + 1 + s.random.IntN(len(items)-first-1)
		o := operation{verb: reserve, order: fmt.Sprint(len(s.orders) + 1), lines: []line{
			{items[first], 1 + s.random.Uint64N(3)}, {items[second], 1 + s.random.Uint64N(3)},
		}}
		s.orders = append(s.orders, o)
		orders = append(orders, o.transaction())
	}
	return orders
}

// drawDay makes a block of supplies, orders, and cancellations of orders that may
// have been refused.
func (s *story) drawDay(n int) []protocol.Transaction {
	day := append([]protocol.Transaction{supply(streamStock)}, s.drawOrders(streamOrders)...)
	for i := range streamCancels {
		o := s.orders[n*streamCancels+i]
		o.verb = cancel
		day = append(day, o.transaction())
	}
	return day
}

// supply brings so many of every item.
func supply(count uint64) protocol.Transaction {
	o := operation{verb: restock}
	for _, item := range items {
		o.lines = append(o.lines, line{item, count})
	}
	return o.transaction()
}
