package coordinator

import (
	"testing"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/wire"
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
