package rpc

import (
	"context"
	"time"

	"google.golang.org/grpc"

	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

const (
	// QuietAfter is how long a leader may say nothing before the other coordinators
	// are asked whether it still leads. They elect another one within about a second.
	QuietAfter = time.Second
	// AskEvery is the pause between two times that they are asked.
	AskEvery = 250 * time.Millisecond
	// askPatience bounds the wait for an answer.
	askPatience = 500 * time.Millisecond
)

// Standing asks a coordinator who leads. It gives up after half a second.
func Standing(ctx context.Context, coordinator grpc.ClientConnInterface) (wire.Standing, error) {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	here, err := wirepb.NewClusterServiceClient(coordinator).Here(ctx, &wirepb.HereRequest{}, grpc.MaxCallRecvMsgSize(MostShortAnswer))
	if err != nil {
		return wire.Standing{}, err
	}
	return wire.ParseStanding(here)
}

// Successor asks coordinators, all at once, whether another one leads than the one
// at an address, which led in a term; 0 if that is not known. It gives the address
// of the first that is named in a newer term: so one that is merely slow, or out
// of reach for the caller alone, has no successor. It takes half a second at most.
func Successor(ctx context.Context, leader string, term uint64, coordinators []grpc.ClientConnInterface) (address string, found bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // those that have not answered by then need not
	answers := make(chan wire.Standing, len(coordinators))
	for _, c := range coordinators {
		go func() {
			s, err := Standing(ctx, c)
			if err != nil {
				s = wire.Standing{}
			}
			answers <- s
		}()
	}
	for range coordinators {
		if s := <-answers; s.Leader != "" && s.Leader != leader && s.Term > term && !found {
			address, found = s.Leader, true
			cancel()
		}
	}
	return address, found
}
