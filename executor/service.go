package executor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
	"github.com/lockstep-exec/lockstep/state"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// awaitHeight bounds how long a read waits for the height it asks for.
const awaitHeight = 2 * time.Second

// mostKeys bounds the keys of one read.
const mostKeys = 4096

// dialPeer connects to another shard, which must be the one it is taken for.
func (s *Shard) dialPeer(peer protocol.ShardID, address string) (*grpc.ClientConn, error) {
	return rpc.Dial(address, s.options.Identity.Expecting(identity.Shard, identity.ShardName(peer)))
}

// Register adds the shard's services to a gRPC server: reads and status for
// clients and the coordinator, the exchange for peers.
func (s *Shard) Register(r grpc.ServiceRegistrar) {
	wirepb.RegisterShardServiceServer(r, &shardService{shard: s})
	wirepb.RegisterExchangeServiceServer(r, &exchangeServer{
		exchange: s.exchange, config: func() protocol.Config { return s.core.Status().Config },
	})
}

// Serve registers the shard on a server of its own, and runs both until ctx ends
// or one of them fails; then it closes the shard and the listener. It stands for
// Register, Run and Close.
func (s *Shard) Serve(ctx context.Context, l net.Listener) error {
	return rpc.Host(ctx, l, s, rpc.ServerOptions{Logger: s.logger, Identity: s.options.Identity})
}

// shardService implements wirepb.ShardServiceServer.
type shardService struct {
	wirepb.UnimplementedShardServiceServer
	shard *Shard
}

// MostKeyBytes implements rpc.KeyBounded.
func (s *shardService) MostKeyBytes() int { return s.shard.core.Status().Config.Limits.KeyBytes }

// Get reads keys of this shard as of one committed height, also while the
// coordinator is away.
func (s *shardService) Get(ctx context.Context, in *wirepb.ShardServiceGetRequest) (*wirepb.ShardServiceGetResponse, error) {
	now := s.shard.core.Status()
	if err := s.mayRead(now, in.GetKeys()); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, awaitHeight)
	defer cancel()
	at := protocol.Height(in.GetAtHeight())
	if err := s.shard.core.readers.await(ctx, at); err != nil {
		return nil, readError(err)
	}
	height, values, err := s.shard.core.Read(in.GetKeys(), at)
	if err != nil {
		return nil, readError(err)
	}
	out := &wirepb.ShardServiceGetResponse{Height: uint64(height), Shard: uint32(s.shard.options.Shard)}
	out.FirstSlot, out.LastSlot = wire.SlotRange(now.Config.Slots, s.shard.options.Shard)
	for _, v := range values {
		out.Values = append(out.Values, &wirepb.Value{Found: v.Present, Value: v.Bytes})
	}
	return out, nil
}

func (s *shardService) mayRead(now *Status, keys [][]byte) error {
	switch {
	case now.Config.IsZero():
		return status.Errorf(codes.FailedPrecondition, "shard %d was never welcomed by a coordinator: it holds nothing yet", s.shard.options.Shard)
	case now.Quarantined != "":
		return status.Errorf(codes.FailedPrecondition, "shard %d is quarantined and serves nothing: %s", s.shard.options.Shard, now.Quarantined)
	case now.Stopped != "":
		return status.Error(codes.Unavailable, now.Stopped)
	}
	if err := wire.CheckKeys(keys, mostKeys, now.Config.Limits); err != nil {
		return err
	}
	for _, key := range keys {
		if owner := now.Config.Slots.Owner(key); owner != s.shard.options.Shard {
			return status.Errorf(codes.FailedPrecondition, "key %q lives on shard %d, this is shard %d: ask that shard, or the coordinator", key, owner, s.shard.options.Shard)
		}
	}
	return nil
}

func readError(err error) error {
	switch {
	case errors.Is(err, state.ErrNotCommitted), errors.Is(err, state.ErrPruned):
		return status.Error(codes.OutOfRange, err.Error())
	case errors.Is(err, errTooMuch):
		return wire.TooMuchToRead()
	case errors.Is(err, state.ErrDamaged):
		return status.Error(codes.DataLoss, err.Error())
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return status.FromContextError(err).Err()
	}
	return status.Error(codes.Internal, err.Error())
}

// Status gives this shard's entry of the cluster's status.
func (s *shardService) Status(context.Context, *wirepb.ShardServiceStatusRequest) (*wirepb.ShardServiceStatusResponse, error) {
	return &wirepb.ShardServiceStatusResponse{Status: s.shard.Entry()}, nil
}

// Entry is this shard's entry of the cluster's status, as it sees itself.
func (s *Shard) Entry() *wirepb.ShardStatus {
	now := s.core.Status()
	directory := s.storage.store.Checkpoint().Directory
	out := &wirepb.ShardStatus{
		Id: uint32(s.options.Shard), CommittedHeight: uint64(now.Committed.Height()), CheckpointedHeight: uint64(now.Checkpointed),
		StateDigest: now.Committed.Digest[:], Address: s.options.Address, Epoch: uint64(now.Epoch),
		Directory: directory[:], Fsyncs: uint64(s.Fsyncs()),
		Storage: s.measure(), Forces: s.forces.Message(), ExchangeWaits: s.waits.Message(),
	}
	for _, peer := range s.core.WaitsFor() {
		out.WaitsForValues = append(out.WaitsForValues, uint32(peer))
	}
	out.Security = s.options.Identity.Message(s.options.Insecure)
	out.State, out.Reason = s.describe(now)
	out.FirstSlot, out.LastSlot = wire.SlotRange(now.Config.Slots, s.options.Shard)
	for _, p := range now.Prepared {
		out.Prepared = append(out.Prepared, wire.PreparedAttempt(p.Attempt, p.Since, time.Now()))
	}
	return out
}

// Fsyncs counts how often the shard has forced its files since it was opened.
func (s *Shard) Fsyncs() int64 { return s.storage.log.Fsyncs() + s.storage.store.Stats().Fsyncs }

func (s *Shard) describe(now *Status) (wirepb.ShardState, string) {
	switch {
	case now.Quarantined != "":
		return wirepb.ShardState_SHARD_STATE_QUARANTINED, now.Quarantined
	case now.Stopped != "":
		return wirepb.ShardState_SHARD_STATE_QUARANTINED, now.Stopped
	case !now.Welcomed:
		return s.describeAway(now)
	}
	for _, h := range now.Held {
		if h.Phase != protocol.PhasePrepared {
			return wirepb.ShardState_SHARD_STATE_EXECUTING, now.Obstructed
		}
	}
	return wirepb.ShardState_SHARD_STATE_READY, now.Obstructed
}

// describeAway tells a shard without its coordinator from one that does not
// know what became of attempts it prepared before it was started.
func (s *Shard) describeAway(now *Status) (wirepb.ShardState, string) {
	reason := "the coordinator cannot be reached; what is prepared is kept, committed state is served, and it is dialled again"
	if now.Rejected != nil {
		reason = now.Rejected.Reason
	}
	for _, p := range now.Prepared {
		if p.Since.Before(s.opened) {
			return wirepb.ShardState_SHARD_STATE_IN_DOUBT,
				fmt.Sprintf("prepared before the restart, with a decision that is not known: %d; %s", len(now.Prepared), reason)
		}
	}
	return wirepb.ShardState_SHARD_STATE_WAITING_FOR_COORDINATOR, reason
}

// Ready says why the shard cannot take part for now; nil if it can.
func (s *Shard) Ready() error {
	switch state, reason := s.describe(s.core.Status()); {
	case state == wirepb.ShardState_SHARD_STATE_READY || state == wirepb.ShardState_SHARD_STATE_EXECUTING:
		if reason != "" {
			return errors.New(reason)
		}
		return nil
	default:
		return errors.New(reason)
	}
}
