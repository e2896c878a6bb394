package coordinator

import (
	"context"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

func TestCallsHoldNoMoreThanTheQueueTakes(t *testing.T) {
	c := &Coordinator{calls: semaphore.NewWeighted(100), callBytes: 100}
	first, err := c.hold(60)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.hold(41)
	if _, again := wire.RetryAfter(err); status.Code(err) != codes.ResourceExhausted || !again {
		t.Fatalf("over the bound: %v", err)
	}
	second, err := c.hold(40)
	if err != nil {
		t.Fatal(err)
	}
	first()
	second()
	whole, err := c.hold(1000) // larger than all there is: alone
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.hold(1); err == nil {
		t.Error("room beside a block that takes all of it")
	}
	whole()
}

// TestLargeBodiesAreTakenApartOneByOne: meanwhile one waits, as long as its client does.
func TestLargeBodiesAreTakenApartOneByOne(t *testing.T) {
	f := newOffice(t, Options{})
	newPuppet(t, f)
	if err := f.preparing.Acquire(t.Context(), mostPreparing); err != nil {
		t.Fatal(err)
	}
	transactions := []protocol.Transaction{protocol.NewTransaction(make([]byte, 20<<20), []protocol.Access{{Key: []byte("k"), Mode: protocol.Write}})}
	submit := func(ctx context.Context) error {
		_, err := f.client.SubmitBlock(ctx, &wirepb.SubmitBlockRequest{
			Key: "large", Content: &wirepb.SubmitBlockRequest_Body{Body: protocol.EncodeBody(transactions)},
		})
		return err
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	wantCode(t, submit(ctx), codes.DeadlineExceeded)
	if s := f.Status(); s.Queued > 0 || s.Decided != nil {
		t.Error("it was taken up")
	}
	f.commits("in the other form", 1) // which the codec of the server has wait
	f.preparing.Release(mostPreparing)
	if err := submit(context1(t)); err != nil {
		t.Error(err)
	}
}
