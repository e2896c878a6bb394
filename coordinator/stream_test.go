package coordinator

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

type clientStream = wirepb.CoordinatorService_SubmitTransactionsClient

func (f *office) stream() clientStream {
	f.t.Helper()
	s, err := f.client.SubmitTransactions(context1(f.t))
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

func send(t *testing.T, s clientStream, list ...*wirepb.TaggedTransaction) {
	t.Helper()
	if err := s.Send(&wirepb.SubmitTransactionsRequest{Transactions: list}); err != nil {
		t.Fatal(err)
	}
}

func withTag(tag uint64, payload string) *wirepb.TaggedTransaction {
	return &wirepb.TaggedTransaction{Tag: tag, Transaction: message(payload, "k")}
}

// all reads results to the end of the stream.
func all(s clientStream) (results map[uint64]*wirepb.TransactionResult, err error) {
	results = map[uint64]*wirepb.TransactionResult{}
	for {
		in, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return results, nil
		}
		if err != nil {
			return results, err
		}
		for _, r := range in.Results {
			if results[r.Tag] != nil {
				return results, fmt.Errorf("tag %d is answered twice", r.Tag)
			}
			results[r.Tag] = r
		}
	}
}

func TestStreamedTransactionsKeepTheirOrder(t *testing.T) {
	f := newOffice(t, Options{Batch: BatchOptions{Transactions: 7, Wait: time.Millisecond}})
	p := newPuppet(t, f)
	const n = 100
	s := f.stream()
	for tag := range uint64(n) {
		send(t, s, withTag(tag, string(rune(' '+tag%90))))
	}
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	results, err := all(s)
	if err != nil || len(results) != n {
		t.Fatalf("%d results, %v", len(results), err)
	}
	height, index := uint64(1), uint32(0)
	for tag := range uint64(n) {
		r := results[tag]
		if r.Decision != wirepb.Decision_DECISION_COMMITTED || r.Outcome != protocol.OutcomeApplied {
			t.Fatalf("tag %d: %v", tag, r)
		}
		if r.Height != height || r.Index != index {
			height, index = height+1, 0
		}
		if r.Height != height || r.Index != index {
			t.Fatalf("tag %d is transaction %d of height %d", tag, r.Index, r.Height)
		}
		index++
	}
	p.set(func(p *puppet) {
		for i, got := range p.order {
			if want := byte(' ' + i%90); got != want {
				t.Errorf("executed %q as transaction %d, want %q", got, i, want)
			}
		}
	})
	if held := len(f.now.Load().batcher.room); held != 0 {
		t.Errorf("%d transactions are held for unanswered", held)
	}
}

func TestStreamsRefuseWhatNoBlockCouldHold(t *testing.T) {
	limits := protocol.DefaultLimits()
	limits.BlockBytes = 2048
	f := newOffice(t, Options{Limits: limits})
	newPuppet(t, f)
	for name, list := range map[string][]*wirepb.TaggedTransaction{
		"too large":  {withTag(1, string(make([]byte, 3000)))},
		"no keys":    {{Tag: 1, Transaction: message("")}},
		"tag in use": {withTag(1, "a"), withTag(1, "b")},
	} {
		t.Run(name, func(t *testing.T) {
			s := f.stream()
			send(t, s, list...)
			_, err := all(s)
			wantCode(t, err, codes.InvalidArgument)
		})
	}
	s := f.stream()
	for tag := range uint64(6) {
		send(t, s, withTag(tag, string(make([]byte, 1000)))) // two do not fit into one block
	}
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	results, err := all(s)
	if err != nil || len(results) != 6 {
		t.Fatalf("%d results, %v", len(results), err)
	}
	f.restart() // every block in the log can be read
}

// TestStreamsWaitOutAnOverload: the queue holds one block.
func TestStreamsWaitOutAnOverload(t *testing.T) {
	f := newOffice(t, Options{Protocol: protocol.CoordinatorOptions{QueueBlocks: 1}, Batch: BatchOptions{Transactions: 2, Wait: time.Millisecond}})
	s := f.stream()
	for tag := range uint64(6) {
		send(t, s, withTag(tag, "x"))
	}
	eventually(t, "one block waits", func() bool { return f.Status().Queued == 1 })
	newPuppet(t, f)
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	results, err := all(s)
	if err != nil || len(results) != 6 {
		t.Fatalf("%d results, %v", len(results), err)
	}
	for tag, r := range results {
		if r.Decision != wirepb.Decision_DECISION_COMMITTED {
			t.Errorf("tag %d: %v", tag, r)
		}
	}
}

func TestStreamsEndWithTheCoordinator(t *testing.T) {
	f := newOffice(t, Options{})
	s := f.stream()
	send(t, s, withTag(1, "a")) // no shard is there
	eventually(t, "its block waits", func() bool { return f.Status().Queued == 1 })
	if err := f.stop(); err != nil {
		t.Fatal(err)
	}
	results, err := all(s)
	if r := results[1]; r != nil && r.Decision != wirepb.Decision_DECISION_UNKNOWN {
		t.Errorf("got %v", r)
	}
	wantCode(t, err, codes.Unavailable)
}
