package coordinator

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc/codes"
)

// BatchOptions says how transactions that come one by one become blocks.
type BatchOptions struct {
	Transactions int           // a block is full with so many; 0 means 1000
	Bytes        int           // or with so many bytes; 0 means 1 MiB
	Wait         time.Duration // or when its first transaction has waited so long; 0 means 5 ms
	// Waiting bounds the transactions taken up and not answered; 0 means 65,536.
	Waiting int
}

func (o BatchOptions) withDefaults() BatchOptions {
	if o.Transactions == 0 {
		o.Transactions = 1000
	}
	if o.Bytes == 0 {
		o.Bytes = 1 << 20
	}
	if o.Wait == 0 {
		o.Wait = 5 * time.Millisecond
	}
	if o.Waiting == 0 {
		o.Waiting = 1 << 16
	}
	return o
}

// streamKeys begins the keys of the blocks that the coordinator makes. Clients
// may not use it, else one could take the key of a block to come.
const streamKeys = "stream/"

// batcher makes blocks of the transactions that come on all streams, in the
// order in which they come.
type batcher struct {
	incarnation *incarnation
	options     BatchOptions
	incoming    chan tagged
	over        *tagged       // did not fit into the block before
	room        chan struct{} // a token per transaction taken up and not answered
	// loads is for the weight of requests that were read, and weight for that of the
	// transactions in them that were taken up, until they are answered.
	loads, weight *semaphore.Weighted
	most          int64 // room in loads; half of it is in weight
	group         sync.WaitGroup
	blocks        uint64
}

// tagged is a transaction with where its result goes.
type tagged struct {
	tag         uint64
	transaction protocol.Transaction // let go when its block is made
	results     *results
	weight      int64
	load        *load
}

func newBatcher(in *incarnation, o BatchOptions) *batcher {
	o.Transactions = min(o.Transactions, in.config.Limits.BlockTransactions)
	o.Bytes = min(o.Bytes, in.config.Limits.BlockBytes)
	most := max(2, in.coordinator.callBytes/2)
	return &batcher{
		incarnation: in, options: o, incoming: make(chan tagged, o.Transactions), room: make(chan struct{}, o.Waiting),
		loads: semaphore.NewWeighted(most), weight: semaphore.NewWeighted(most / 2), most: most,
	}
}

// run collects blocks and submits them until ctx ends.
func (b *batcher) run(ctx context.Context) {
	defer b.group.Wait()
	for {
		batch, more := b.collect(ctx)
		if len(batch) > 0 {
			block := b.block(batch)
			deadline := time.Now().Add(b.incarnation.coordinator.options.DefaultTimeout)
			// One goroutine per block waits for its answer; admission is
			// in the order of the inbox, so the order of blocks is kept.
			waiter, answers := b.incarnation.waiters.enter(nil)
			b.incarnation.post(protocol.Submitted{Block: block, Waiter: waiter, Deadline: deadline, Checked: b.incarnation.core.Kept()})
			b.group.Go(func() { b.answer(ctx, batch, block, deadline, waiter, answers) })
		}
		if !more {
			return
		}
	}
}

// collect waits for a first transaction, and then for more until the block is
// full or the first has waited long enough. What would make the block larger
// than the cluster allows begins the next one.
func (b *batcher) collect(ctx context.Context) (batch []tagged, more bool) {
	first, ok := b.first(ctx)
	if !ok {
		return nil, false
	}
	timer := time.NewTimer(b.options.Wait)
	defer timer.Stop()
	batch, size := append(batch, first), bodyHead+first.transaction.EncodedLen()
	for len(batch) < b.options.Transactions && size < b.options.Bytes {
		select {
		case t := <-b.incoming:
			if size += t.transaction.EncodedLen(); size > b.incarnation.config.Limits.BlockBytes {
				b.over = &t
				return batch, true
			}
			batch = append(batch, t)
		case <-timer.C:
			return batch, true
		case <-ctx.Done():
			return batch, false
		}
	}
	return batch, true
}

// bodyHead is what the encoding of a block holds besides its transactions.
const bodyHead = 4

func (b *batcher) first(ctx context.Context) (tagged, bool) {
	if t := b.over; t != nil {
		b.over = nil
		return *t, true
	}
	select {
	case t := <-b.incoming:
		return t, true
	case <-ctx.Done():
		return tagged{}, false
	}
}

// block makes a block under a key that no other incarnation uses. The batch lets go
// of its transactions, which are in the block.
func (b *batcher) block(batch []tagged) *protocol.Block {
	b.blocks++
	transactions := make([]protocol.Transaction, len(batch))
	for i := range batch {
		transactions[i], batch[i].transaction = batch[i].transaction, protocol.Transaction{}
	}
	in := b.incarnation
	key := fmt.Sprintf(streamKeys+"%d/%d", in.core.Status().Epoch, b.blocks)
	return NewBlock(key, protocol.EncodeBody(transactions), transactions, in.config.Slots)
}

// answer waits for the decision of a block, tries again while there is no room
// for it, and tells every transaction.
func (b *batcher) answer(ctx context.Context, batch []tagged, block *protocol.Block, deadline time.Time, waiter protocol.Waiter, answers <-chan protocol.Answer) {
	defer b.incarnation.waiters.leave(waiter)
	var a protocol.Answer
	select {
	case a = <-answers:
	case <-ctx.Done():
		a = protocol.Answer{Reason: "the coordinator was stopped before the block was decided"}
	}
	for (a.Verdict == protocol.VerdictOverloaded || a.Verdict == protocol.VerdictRecheck) && time.Now().Before(deadline) && ctx.Err() == nil {
		select {
		case <-time.After(retryAfter):
		case <-ctx.Done():
		}
		if b.incarnation.room() != nil {
			continue
		}
		var err error
		if a, err = b.incarnation.submit(ctx, protocol.Submitted{Block: block, Deadline: deadline}); err != nil {
			a = protocol.Answer{Reason: err.Error()}
		}
	}
	if a.Verdict == protocol.VerdictOverloaded || a.Verdict == protocol.VerdictRecheck {
		a.Verdict = protocol.VerdictAborted // it was never taken up
	}
	for i, t := range batch {
		b.leave(t) // first: whoever has the result may send the next at once
		t.results.add(result(t.tag, i, a))
	}
}

var errEnded = wire.RetryLater(codes.Unavailable, retryAfter, "the coordinator was stopped")

// enter waits until there is room for a transaction, on its stream and among
// those of all streams, and takes it up.
func (b *batcher) enter(ctx context.Context, t tagged) error {
	for _, room := range []chan struct{}{t.results.unread, b.room} {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		case <-b.incarnation.ended:
			return errEnded
		}
	}
	if err := b.weight.Acquire(ctx, b.share(t)); err != nil { // a stream ends with its incarnation
		<-b.room
		return err
	}
	var err error
	select {
	case b.incoming <- t:
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-b.incarnation.ended:
		err = errEnded
	}
	b.weight.Release(b.share(t))
	<-b.room
	return err
}

// leave gives back the room of a transaction that was taken up and is answered.
func (b *batcher) leave(t tagged) {
	b.weight.Release(b.share(t))
	<-b.room
	t.load.give(t.weight)
}

// share is what a transaction takes of the room for all: one that is larger than that
// takes all of it.
func (b *batcher) share(t tagged) int64 { return min(t.weight, b.most/2) }
