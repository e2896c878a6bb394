package coordinator

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// wantAllRoom fails unless nothing takes room any more.
func wantAllRoom(t *testing.T, b *batcher) {
	t.Helper()
	eventually(t, "all room is given back", func() bool {
		if !b.loads.TryAcquire(b.most) {
			return false
		}
		b.loads.Release(b.most)
		if !b.weight.TryAcquire(b.most / 2) {
			return false
		}
		b.weight.Release(b.most / 2)
		return len(b.room) == 0
	})
}

// TestStreamsHoldNoMoreThanTheQueueTakes: while nothing is decided, what many streams
// have sent takes half of the bytes that may wait, and the rest is turned away.
func TestStreamsHoldNoMoreThanTheQueueTakes(t *testing.T) {
	const streams, fit = 8, 2
	f := newOffice(t, Options{
		Protocol: protocol.CoordinatorOptions{QueueBytes: 64 << 10},
		Batch:    BatchOptions{Transactions: 1, Wait: time.Millisecond},
	})
	b := f.now.Load().batcher
	type end struct {
		results map[uint64]*wirepb.TransactionResult
		err     error
	}
	ends := make(chan end, streams)
	for tag := range uint64(streams) {
		s := f.stream()
		send(t, s, withTag(tag, string(make([]byte, 12<<10))))
		if err := s.CloseSend(); err != nil {
			t.Fatal(err)
		}
		go func() {
			results, err := all(s)
			ends <- end{results, err}
		}()
	}
	for range streams - fit {
		e := receive(t, "who is turned away", ends)
		if _, again := wire.RetryAfter(e.err); status.Code(e.err) != codes.ResourceExhausted || !again || len(e.results) > 0 {
			t.Errorf("got %v and %d results", e.err, len(e.results))
		}
	}
	if taken := len(b.incoming) + f.Status().Queued; taken > 1 {
		t.Errorf("%d transactions were taken up, of which one takes more than half of the room", taken)
	}
	newPuppet(t, f)
	for range fit {
		if e := receive(t, "who has waited", ends); e.err != nil || len(e.results) != 1 {
			t.Errorf("%d results, %v", len(e.results), e.err)
		}
	}
	wantAllRoom(t, b)
}

// TestATransactionLargerThanTheRoomIsTakenUpAlone, and so is a request.
func TestATransactionLargerThanTheRoomIsTakenUpAlone(t *testing.T) {
	f := newOffice(t, Options{Protocol: protocol.CoordinatorOptions{QueueBytes: 2 << 10}, Batch: BatchOptions{Transactions: 1}})
	newPuppet(t, f)
	s := f.stream()
	for tag := range uint64(4) {
		send(t, s, withTag(2*tag, string(make([]byte, 10<<10))), withTag(2*tag+1, "small"))
		for answered := 0; answered < 2; {
			in, err := s.Recv()
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range in.Results {
				if answered++; r.Decision != wirepb.Decision_DECISION_COMMITTED {
					t.Fatal(r)
				}
			}
		}
	}
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	wantAllRoom(t, f.now.Load().batcher)
}

// TestWhatAStreamDidNotGetInGivesItsRoomBack: a request is refused in its middle.
func TestWhatAStreamDidNotGetInGivesItsRoomBack(t *testing.T) {
	f := newOffice(t, Options{})
	newPuppet(t, f)
	s := f.stream()
	send(t, s, withTag(1, "a"), &wirepb.TaggedTransaction{Tag: 2, Transaction: message("no keys")}, withTag(3, "c"))
	_, err := all(s)
	wantCode(t, err, codes.InvalidArgument)
	wantAllRoom(t, f.now.Load().batcher)
}

// TestLoadsAreOfWhatTransactionsTakeInMemory: of small ones, that is not what they are long.
func TestLoadsAreOfWhatTransactionsTakeInMemory(t *testing.T) {
	small := &wirepb.TaggedTransaction{Tag: 1, Transaction: message("", "k")}
	if weight := weightOf(small, small); weight < 2*(perTransaction+perKey) {
		t.Errorf("two small transactions weigh %d bytes", weight)
	}
	large := &wirepb.TaggedTransaction{Tag: 1, Transaction: message(string(make([]byte, 1<<20)), "k")}
	if weight := weightOf(large); weight < 1<<20 {
		t.Errorf("a transaction of a MiB weighs %d bytes", weight)
	}
}
