package coordinator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
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
	group       sync.WaitGroup
	blocks      uint64
}

// tagged is a transaction with where its result goes.
type tagged struct {
	tag         uint64
	transaction protocol.Transaction
	results     *results
}

func newBatcher(in *incarnation, o BatchOptions) *batcher {
	o.Transactions = min(o.Transactions, in.config.Limits.BlockTransactions)
	o.Bytes = min(o.Bytes, in.config.Limits.BlockBytes)
	return &batcher{incarnation: in, options: o, incoming: make(chan tagged, o.Transactions), room: make(chan struct{}, o.Waiting)}
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

// block makes a block under a key that no other incarnation uses.
func (b *batcher) block(batch []tagged) *protocol.Block {
	b.blocks++
	transactions := make([]protocol.Transaction, len(batch))
	for i, t := range batch {
		transactions[i] = t.transaction
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
		t.results.add(result(t.tag, i, a))
		<-b.room
	}
}

func result(tag uint64, index int, a protocol.Answer) *wirepb.TransactionResult {
	r := &wirepb.TransactionResult{Tag: tag, Decision: decisionOf(a.Verdict), Reason: a.Reason}
	if a.Decision != nil {
		r.Height, r.Index, r.Outcome = uint64(a.Decision.Height()), uint32(index), a.Decision.Outcomes.At(index)
	}
	return r
}

// streamUnread is the most transactions of one stream that were taken up and
// whose results were not sent. A client that does not read its results is not
// read any more, so it fills nobody's memory.
const streamUnread = 1 << 14

// results collects what one stream is to be told.
type results struct {
	unread  chan struct{} // a token per transaction taken up, until its result is sent
	mu      sync.Mutex
	waiting []*wirepb.TransactionResult
	owed    map[uint64]struct{} // tags in use
	changed chan struct{}       // capacity 1
}

func newResults(unread int) *results {
	return &results{unread: make(chan struct{}, unread), owed: map[uint64]struct{}{}, changed: make(chan struct{}, 1)}
}

func (r *results) add(t *wirepb.TransactionResult) {
	r.mu.Lock()
	r.waiting = append(r.waiting, t)
	delete(r.owed, t.Tag)
	r.mu.Unlock()
	r.notify()
}

func (r *results) notify() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// owe notes a tag; false if it is in use.
func (r *results) owe(tag uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, taken := r.owed[tag]; taken {
		return false
	}
	r.owed[tag] = struct{}{}
	return true
}

func (r *results) take() (taken []*wirepb.TransactionResult, owed int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken, r.waiting = r.waiting, nil
	return taken, len(r.owed)
}

// sent makes room for as many transactions.
func (r *results) sent(n int) {
	for range n {
		<-r.unread
	}
}

type submitStream = grpc.BidiStreamingServer[wirepb.SubmitTransactionsRequest, wirepb.SubmitTransactionsResponse]

// SubmitTransactions takes transactions one by one; the coordinator makes
// blocks of them. A reader takes them up while there is room; the client's
// flow control does the rest.
func (s *api) SubmitTransactions(stream submitStream) error {
	leading, err := s.coordinator.leading()
	if err != nil {
		return err
	}
	r := newResults(streamUnread)
	read := make(chan error, 1)
	go func() {
		read <- leading.takeUp(stream, r)
		r.notify()
	}()
	reading := true
	var ending error // nil if the client has no more
	for {
		taken, owed := r.take()
		if len(taken) > 0 {
			if err := stream.Send(&wirepb.SubmitTransactionsResponse{Results: taken}); err != nil {
				return err
			}
			r.sent(len(taken))
			continue
		}
		if !reading && owed == 0 {
			return ending
		}
		select {
		case err := <-read:
			if _, turnedAway := wire.RetryAfter(err); turnedAway {
				ending = err // once it is told of all that was taken up
			} else if !errors.Is(err, io.EOF) {
				return err
			}
			reading = false
		case <-r.changed:
		case <-stream.Context().Done():
			return status.FromContextError(stream.Context().Err()).Err()
		case <-leading.ended:
			return s.coordinator.redirect() // the outcome of what was not answered is unknown
		}
	}
}

// takeUp reads transactions until the client has no more.
func (in *incarnation) takeUp(stream submitStream, r *results) error {
	for {
		request, err := stream.Recv()
		if err != nil {
			return err
		}
		if err := in.room(); err != nil {
			return err
		}
		for _, t := range request.GetTransactions() {
			transaction, err := wire.Transaction(t.GetTransaction(), in.config.Limits)
			if err != nil {
				return err
			}
			if most := in.config.Limits.BlockBytes - bodyHead; transaction.EncodedLen() > most {
				return status.Errorf(codes.InvalidArgument, "transaction of %d bytes does not fit into a block, which holds %d", transaction.EncodedLen(), most)
			}
			if !r.owe(t.GetTag()) {
				return status.Errorf(codes.InvalidArgument, "tag %d is in use on this stream", t.GetTag())
			}
			if err := in.batcher.enter(stream.Context(), tagged{tag: t.GetTag(), transaction: transaction, results: r}); err != nil {
				return err
			}
		}
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
	select {
	case b.incoming <- t:
		return nil
	case <-ctx.Done():
		<-b.room
		return ctx.Err()
	case <-b.incarnation.ended:
		<-b.room
		return errEnded
	}
}
