package coordinator

import (
	"context"
	"net"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/rpc/guard"
	"github.com/lockstep-exec/lockstep/protocol/tracing"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// Register adds the coordinator's services to a gRPC server: the API for
// clients, the sessions of the shards, and replication.
func (c *Coordinator) Register(r grpc.ServiceRegistrar) {
	wirepb.RegisterCoordinatorServiceServer(r, c.API())
	wirepb.RegisterOperatorServiceServer(r, &operator{coordinator: c})
	wirepb.RegisterSessionServiceServer(r, sessionGate{coordinator: c, sessions: c.sessions})
	c.replica.Register(r)
}

// Serve registers the coordinator on a server of its own, and runs both until ctx
// ends or one of them fails; then it closes the coordinator and the listener. It
// stands for Register, Run and Close.
func (c *Coordinator) Serve(ctx context.Context, l net.Listener) error {
	return rpc.Host(ctx, l, c, rpc.ServerOptions{Logger: c.logger, Identity: c.options.Identity})
}

// API is what Register adds for clients, for callers in this process.
func (c *Coordinator) API() wirepb.CoordinatorServiceServer { return &api{coordinator: c} }

// api implements wirepb.CoordinatorServiceServer.
type api struct {
	wirepb.UnimplementedCoordinatorServiceServer
	coordinator *Coordinator
}

// MostKeyBytes implements rpc.KeyBounded.
func (s *api) MostKeyBytes() int {
	if in := s.coordinator.now.Load(); in != nil {
		return in.config.Limits.KeyBytes
	}
	return s.coordinator.replica.Config().Limits.KeyBytes
}

// SubmitBlock has one block executed and waits for its decision. The request is let go
// before the wait: as objects it may take many times what is held for it.
func (s *api) SubmitBlock(ctx context.Context, in *wirepb.SubmitBlockRequest) (*wirepb.SubmitBlockResponse, error) {
	c := s.coordinator
	leading, err := c.leading()
	if err != nil {
		return nil, err
	}
	release, err := c.hold(proto.Size(in))
	if err != nil {
		return nil, err
	}
	defer release()
	outcomes := in.GetIncludeOutcomes()
	ev, err := leading.prepared(ctx, in)
	if err != nil {
		return nil, err
	}
	a, err := leading.submit(ctx, ev)
	if err != nil {
		return nil, err
	}
	return response(a, outcomes)
}

// mostPreparing bounds the bodies that are taken apart at one time, in bytes; a larger one
// is alone. Access lists of tiny keys take eight times as much, for as long as that takes.
const mostPreparing = 16 << 20

// prepared is a request as the machine gets it, before any look-up.
func (in *incarnation) prepared(ctx context.Context, request *wirepb.SubmitBlockRequest) (protocol.Submitted, error) {
	if room := min(int64(len(request.GetBody())), mostPreparing); room > 0 {
		if err := in.coordinator.preparing.Acquire(ctx, room); err != nil {
			return protocol.Submitted{}, status.FromContextError(err).Err()
		}
		defer in.coordinator.preparing.Release(room)
	}
	ev, err := in.core.prepare(request)
	options := in.coordinator.options
	wait := wire.Timeout(request.GetTimeoutMs(), options.DefaultTimeout, options.MostTimeout)
	ev.Deadline = time.Now().Add(wait)
	ev.Origin = uint64(tracing.Incoming(ctx))
	return ev, err
}

// response spells an answer for a client.
func response(a protocol.Answer, includeOutcomes bool) (*wirepb.SubmitBlockResponse, error) {
	if err := refusal(a); err != nil {
		return nil, err
	}
	out := &wirepb.SubmitBlockResponse{Decision: decisionOf(a.Verdict), Reason: a.Reason}
	if a.Decision != nil {
		out.Block = wire.Block(a.Decision, includeOutcomes)
	}
	return out, nil
}

func decisionOf(v protocol.Verdict) wirepb.Decision {
	switch v {
	case protocol.VerdictCommitted:
		return wirepb.Decision_DECISION_COMMITTED
	case protocol.VerdictAborted:
		return wirepb.Decision_DECISION_ABORTED
	case protocol.VerdictRejected:
		return wirepb.Decision_DECISION_REJECTED
	}
	return wirepb.Decision_DECISION_UNKNOWN
}

// Get reads keys, all as of one committed height.
func (s *api) Get(ctx context.Context, in *wirepb.GetRequest) (*wirepb.GetResponse, error) {
	leading, err := s.coordinator.leading()
	if err != nil {
		return nil, err
	}
	if err := wire.CheckKeys(in.GetKeys(), mostKeys, leading.config.Limits); err != nil {
		return nil, err
	}
	height, values, err := leading.read(ctx, in.GetKeys(), in.AtHeight)
	if err != nil {
		return nil, err
	}
	return &wirepb.GetResponse{Height: uint64(height), Values: values}, nil
}

// Watch sends every committed block from a height on, until the client ends it. What was
// committed before the call is read from the disk, at the pace at which a peer may read;
// what is committed during it is sent at once.
func (s *api) Watch(in *wirepb.WatchRequest, stream grpc.ServerStreamingServer[wirepb.WatchResponse]) error {
	leading, err := s.coordinator.leading()
	if err != nil {
		return err
	}
	core := leading.core
	next := protocol.Height(in.GetFromHeight())
	before, _ := core.archive.height()
	if next == 0 {
		next = before + 1
	}
	for {
		height, changed := core.archive.height()
		for ; next <= height; next++ {
			if next <= before {
				if err := guard.TurnOfBlock(stream.Context()); err != nil {
					return err
				}
			}
			d, err := decision(core, next)
			if err != nil {
				return err
			}
			if err := stream.Send(&wirepb.WatchResponse{Block: wire.Block(d, in.GetIncludeOutcomes())}); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-stream.Context().Done():
			return status.FromContextError(stream.Context().Err()).Err()
		case <-leading.ended:
			return s.coordinator.redirect()
		}
	}
}

func decision(c *Core, h protocol.Height) (*protocol.Decision, error) {
	d, ok, err := c.Decision(h)
	switch {
	case err != nil:
		return nil, status.Errorf(codes.DataLoss, "read the decision of height %d: %v", h, err)
	case !ok:
		return nil, status.Errorf(codes.NotFound, "height %d is not committed", h)
	}
	return d, nil
}

// GetBlock looks a committed block up.
func (s *api) GetBlock(ctx context.Context, in *wirepb.GetBlockRequest) (*wirepb.GetBlockResponse, error) {
	leading, err := s.coordinator.leading()
	if err != nil {
		return nil, err
	}
	d, err := leading.find(in)
	if status.Code(err) == codes.NotFound {
		if err := leading.current(ctx); err != nil {
			return nil, err
		}
		d, err = leading.find(in) // it may have been decided meanwhile
	}
	if err != nil {
		return nil, err
	}
	return &wirepb.GetBlockResponse{Block: wire.Block(d, in.GetIncludeOutcomes())}, nil
}

func (in *incarnation) find(request *wirepb.GetBlockRequest) (*protocol.Decision, error) {
	switch by := request.GetBy().(type) {
	case *wirepb.GetBlockRequest_Height:
		return decision(in.core, protocol.Height(by.Height))
	case *wirepb.GetBlockRequest_Key:
		d, ok, _, err := in.core.Find(by.Key)
		if err != nil {
			return nil, status.Errorf(codes.DataLoss, "look the block key up: %v", err)
		}
		if !ok {
			return nil, status.Errorf(codes.NotFound, "no block with key %q is committed", by.Key)
		}
		return d, nil
	}
	return nil, status.Error(codes.InvalidArgument, "give the key or the height of a block")
}

const (
	listDefault = 100
	listMost    = 1000
)

// ListBlocks lists committed blocks, in order of height: fewer than asked for once they
// fill an answer, and at least one.
func (s *api) ListBlocks(ctx context.Context, in *wirepb.ListBlocksRequest) (*wirepb.ListBlocksResponse, error) {
	leading, err := s.coordinator.leading()
	if err != nil {
		return nil, err
	}
	if err := leading.current(ctx); err != nil {
		return nil, err
	}
	limit := protocol.Height(in.GetLimit())
	if limit == 0 {
		limit = listDefault
	}
	limit = min(limit, listMost)
	height := leading.core.Height()
	from := protocol.Height(in.GetFromHeight())
	if from == 0 {
		from = max(height, limit) - limit + 1
	}
	blocks, err := gather(from, min(height, max(from, from+limit)-1), func(h protocol.Height) (*wirepb.Block, error) {
		d, err := decision(leading.core, h)
		if err != nil {
			return nil, err
		}
		return wire.Block(d, in.GetIncludeOutcomes()), nil
	})
	if err != nil {
		return nil, err
	}
	return &wirepb.ListBlocksResponse{Height: uint64(height), Blocks: blocks}, nil
}

// gather gets the blocks from first to last, or as many of them as fill an answer.
func gather(first, last protocol.Height, block func(protocol.Height) (*wirepb.Block, error)) (list []*wirepb.Block, err error) {
	bytes := 0
	for h := first; h <= last && bytes < wire.MostAnswerBytes; h++ {
		b, err := block(h)
		if err != nil {
			return nil, err
		}
		bytes += proto.Size(b)
		list = append(list, b)
	}
	return list, nil
}

// Status gives the cluster at a glance.
func (s *api) Status(context.Context, *wirepb.StatusRequest) (*wirepb.StatusResponse, error) {
	return &wirepb.StatusResponse{Status: s.coordinator.Entry()}, nil
}

// ListTimelines tells what happened when to the newest blocks.
func (s *api) ListTimelines(_ context.Context, in *wirepb.ListTimelinesRequest) (*wirepb.ListTimelinesResponse, error) {
	leading, err := s.coordinator.leading()
	if err != nil {
		return nil, err
	}
	return &wirepb.ListTimelinesResponse{Timelines: leading.timelines.Timelines(in.GetKey())}, nil
}

// Fsyncs counts how often the coordinator has forced its files since it was
// opened.
func (c *Coordinator) Fsyncs() int64 { return c.replica.Fsyncs() }
