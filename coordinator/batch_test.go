package coordinator

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
)

func newTestBatcher(o BatchOptions, limits protocol.Limits) *batcher {
	in := &incarnation{
		coordinator: &Coordinator{callBytes: protocol.DefaultQueueBytes},
		config:      protocol.Config{Slots: protocol.EvenSlots(1), Limits: limits}, ended: make(chan struct{}),
	}
	return newBatcher(in, o.withDefaults())
}

func sized(tag uint64, payload int) tagged {
	return tagged{tag: tag, results: newResults(10), transaction: protocol.NewTransaction(make([]byte, payload),
		[]protocol.Access{{Key: fmt.Appendf(nil, "k"), Mode: protocol.Write}})}
}

func tags(batch []tagged) (list []uint64) {
	for _, t := range batch {
		list = append(list, t.tag)
	}
	return list
}

func wantBatch(t *testing.T, b *batcher, want ...uint64) []tagged {
	t.Helper()
	batch, more := b.collect(t.Context())
	if fmt.Sprint(tags(batch)) != fmt.Sprint(want) || !more {
		t.Fatalf("collected %v (more: %v), want %v", tags(batch), more, want)
	}
	return batch
}

func TestBatchesKeepOrderAndSize(t *testing.T) {
	b := newTestBatcher(BatchOptions{Transactions: 3, Bytes: 1000, Wait: 10 * time.Millisecond}, protocol.DefaultLimits())
	go func() {
		for tag := range uint64(7) {
			b.incoming <- sized(tag, 1)
		}
		b.incoming <- sized(7, 2000)
		b.incoming <- sized(8, 1)
	}()
	wantBatch(t, b, 0, 1, 2)
	wantBatch(t, b, 3, 4, 5)
	wantBatch(t, b, 6, 7) // over the bytes with its last
	wantBatch(t, b, 8)    // its time has come
}

// TestBatchesFitIntoBlocks: a block over the cluster's limits would be refused
// by every shard, and by the next start of the coordinator.
func TestBatchesFitIntoBlocks(t *testing.T) {
	limits := protocol.DefaultLimits()
	limits.BlockBytes, limits.BlockTransactions = 1024, 4
	b := newTestBatcher(BatchOptions{Wait: patience}, limits)
	go func() {
		for tag, payload := range []int{600, 600, 300, 1, 1, 1, 1, 1, 1} {
			b.incoming <- sized(uint64(tag), payload)
		}
	}()
	for _, want := range [][]uint64{{0}, {1, 2, 3, 4}, {5, 6, 7, 8}} {
		batch := wantBatch(t, b, want...)
		var transactions []protocol.Transaction
		for _, tx := range batch {
			transactions = append(transactions, tx.transaction)
		}
		if _, err := protocol.DecodeBody(protocol.EncodeBody(transactions), limits); err != nil {
			t.Errorf("batch %v: %v", want, err)
		}
	}
}

func TestCollectEndsWithItsContext(t *testing.T) {
	b := newTestBatcher(BatchOptions{Wait: time.Hour}, protocol.DefaultLimits())
	ctx, cancel := context.WithCancel(t.Context())
	b.incoming <- sized(1, 1)
	go func() {
		for tick := time.Tick(time.Millisecond); len(b.incoming) > 0; <-tick { // until it was taken
		}
		cancel()
	}()
	if batch, more := b.collect(ctx); len(batch) != 1 || more {
		t.Errorf("collected %v (more: %v)", tags(batch), more)
	}
	if batch, more := b.collect(ctx); len(batch) != 0 || more {
		t.Errorf("collected %v (more: %v)", tags(batch), more)
	}
}

// TestAClientThatDoesNotReadIsNotRead: what waits for it is bounded.
func TestAClientThatDoesNotReadIsNotRead(t *testing.T) {
	b := newTestBatcher(BatchOptions{Transactions: 100, Waiting: 100}, protocol.DefaultLimits())
	r := newResults(2)
	ctx, cancel := context.WithCancel(t.Context())
	enter := func() error {
		tx := sized(uint64(len(b.incoming)), 1)
		tx.results = r
		return b.enter(ctx, tx)
	}
	for range 2 {
		if err := enter(); err != nil {
			t.Fatal(err)
		}
	}
	third := make(chan error, 1)
	go func() { third <- enter() }()
	r.sent(1)
	if err := receive(t, "room", third); err != nil {
		t.Fatal(err)
	}
	go func() { third <- enter() }()
	cancel()
	if err := receive(t, "the end", third); err == nil {
		t.Error("taken up without room")
	}
	if len(b.incoming) != 3 || len(b.room) != 3 {
		t.Errorf("%d taken up, %d tokens", len(b.incoming), len(b.room))
	}
	close(b.incarnation.ended)
	ctx = t.Context()
	if err := enter(); err == nil {
		t.Error("taken up after the end")
	}
}
