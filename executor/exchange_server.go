package executor

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// progressInterval is how often a receiver shows its sender that it is there.
const progressInterval = 500 * time.Millisecond

// exchangeServer takes the streams of peers.
type exchangeServer struct {
	wirepb.UnimplementedExchangeServiceServer
	exchange *Exchange
	config   func() protocol.Config // of the cluster; zero while it is not known
}

type takeStream = grpc.BidiStreamingServer[wirepb.ExchangeRequest, wirepb.ExchangeResponse]

// Push implements wirepb.ExchangeServiceServer. What one peer sends wrongly
// ends its stream and nothing else.
func (s *exchangeServer) Push(stream takeStream) error {
	from, err := s.admit(stream)
	if err != nil {
		return err
	}
	s.exchange.streamed(from, +1)
	defer s.exchange.streamed(from, -1)
	p := &progress{stream: stream, ended: make(chan struct{})}
	taken := make(chan error, 1)
	// It outlives this call for a moment if the exchange is closed: what ends
	// its Recv is the end of the call.
	go func() { taken <- s.take(stream, from, p) }()
	var group sync.WaitGroup
	group.Go(p.report)
	select {
	case err = <-taken:
	case <-s.exchange.ctx.Done():
		err = status.Error(codes.Unavailable, "this shard is being stopped")
	}
	close(p.ended)
	group.Wait()
	return err
}

// admit reads the hello and checks that both ends mean each other.
func (s *exchangeServer) admit(stream takeStream) (protocol.ShardID, error) {
	first, err := stream.Recv()
	if err != nil {
		return 0, err
	}
	hello := first.GetHello()
	if hello == nil {
		return 0, status.Error(codes.InvalidArgument, "the first message of an exchange must be a hello")
	}
	if err := identity.Claims(stream.Context(), identity.Shard, identity.ShardName(hello.GetFromShard())); err != nil {
		return 0, err
	}
	if reason := s.strange(hello); reason != "" {
		refused := &wirepb.ExchangeResponse{Response: &wirepb.ExchangeResponse_Refused{Refused: &wirepb.ExchangeRefused{Reason: reason}}}
		if err := stream.Send(refused); err != nil {
			return 0, err
		}
		return 0, status.Error(codes.FailedPrecondition, reason)
	}
	accepted := &wirepb.ExchangeAccepted{Instance: s.exchange.instance[:]}
	return protocol.ShardID(hello.GetFromShard()), stream.Send(&wirepb.ExchangeResponse{Response: &wirepb.ExchangeResponse_Accepted{Accepted: accepted}})
}

func (s *exchangeServer) strange(h *wirepb.ExchangeHello) string {
	cluster := s.exchange.clusterID()
	switch {
	case cluster.IsZero():
		return "this shard was not welcomed by its coordinator yet: try again later"
	case string(h.GetCluster()) != string(cluster[:]):
		return fmt.Sprintf("shard %d belongs to another cluster than this shard", h.GetFromShard())
	case h.GetToShard() != uint32(s.exchange.self):
		return fmt.Sprintf("this is shard %d, not shard %d", s.exchange.self, h.GetToShard())
	case int(h.GetFromShard()) >= s.config().Shards() || h.GetFromShard() == uint32(s.exchange.self):
		return fmt.Sprintf("shard %d is no peer of shard %d", h.GetFromShard(), s.exchange.self)
	}
	return ""
}

// take delivers batches until the stream ends.
func (s *exchangeServer) take(stream takeStream, from protocol.ShardID, p *progress) error {
	for {
		request, err := stream.Recv()
		if err != nil {
			return err
		}
		batch := request.GetBatch()
		a := batch.GetAttempt()
		if batch == nil || a.GetHeight() == 0 || a.GetEpoch() == 0 || a.GetAttempt() == 0 {
			return status.Errorf(codes.InvalidArgument, "shard %d sent something else than a batch of values for an attempt", from)
		}
		attempt := protocol.AttemptID{Height: protocol.Height(a.GetHeight()), Epoch: protocol.Epoch(a.GetEpoch()), Attempt: a.GetAttempt()}
		switch err := s.deliver(from, attempt, batch.GetValues()); {
		case errors.Is(err, ErrEarly):
			return status.Error(codes.ResourceExhausted, err.Error())
		case err != nil:
			s.exchange.troubles.Of(fmt.Sprint(from)).Error("a peer sent values that no correct peer sends, they were dropped: see that it runs the same version, and verify its data directory with lockstep recover",
				"peer", from, "height", attempt.Height, "attempt", attempt, "error", err)
			return status.Error(codes.InvalidArgument, err.Error())
		}
		s.exchange.traffic.received.add(batch.GetValues())
		p.add(len(batch.GetValues()))
	}
}

// deliver hands a batch on, unless it is longer than any that a link sends.
func (s *exchangeServer) deliver(from protocol.ShardID, a protocol.AttemptID, values []byte) error {
	if most := longestBatch(s.config().Limits); len(values) > most {
		return fmt.Errorf("shard %d pushed %d bytes of values in one message, the most is %d", from, len(values), most)
	}
	return s.exchange.deliver(from, a, values)
}

// progress tells the sender how far this end is.
type progress struct {
	stream takeStream
	ended  chan struct{}

	mu             sync.Mutex
	batches, bytes uint64
}

func (p *progress) add(bytes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.batches++
	p.bytes += uint64(bytes)
}

func (p *progress) report() {
	tick := time.NewTicker(progressInterval)
	defer tick.Stop()
	for {
		select {
		case <-p.ended:
			return
		case <-p.stream.Context().Done():
			return
		case <-tick.C:
		}
		p.mu.Lock()
		now := &wirepb.ExchangeProgress{Batches: p.batches, Bytes: p.bytes}
		p.mu.Unlock()
		if p.stream.Send(&wirepb.ExchangeResponse{Response: &wirepb.ExchangeResponse_Progress{Progress: now}}) != nil {
			return
		}
	}
}
