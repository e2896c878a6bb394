package coordinator

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// mostKeys bounds the keys of one read.
	mostKeys = 4096
	// readTimeout bounds a read whose client names no deadline.
	readTimeout = 10 * time.Second
	// readTries bounds how often a read begins anew because a shard has
	// checkpointed past its height meanwhile.
	readTries = 5
)

// read gets keys from the shards on which they live, all as of one committed
// height: the newest decided one, unless the client names another.
func (in *incarnation) read(ctx context.Context, keys [][]byte, at *uint64) (protocol.Height, []*wirepb.Value, error) {
	if ended := in.core.Status().Ended; ended != "" {
		return 0, nil, status.Error(codes.Unavailable, ended)
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if at == nil || protocol.Height(*at) > in.core.Height() {
		if err := in.current(ctx); err != nil {
			return 0, nil, err
		}
	}
	for try := 1; ; try++ {
		height := in.core.Height()
		if at != nil {
			if protocol.Height(*at) > height {
				return 0, nil, status.Errorf(codes.OutOfRange, "height %d is not committed yet: the newest is %d", *at, height)
			}
			height = protocol.Height(*at)
		}
		values, err := in.readAt(ctx, keys, height)
		if at == nil && try < readTries && status.Code(err) == codes.OutOfRange {
			continue
		}
		return height, values, err
	}
}

func (in *incarnation) readAt(ctx context.Context, keys [][]byte, height protocol.Height) ([]*wirepb.Value, error) {
	values := make([]*wirepb.Value, len(keys))
	if height == 0 {
		for i := range values {
			values[i] = &wirepb.Value{}
		}
		return values, nil
	}
	var gathered atomic.Int64 // bytes
	places := make(map[protocol.ShardID][]int)
	for i, key := range keys {
		s := in.config.Slots.Owner(key)
		places[s] = append(places[s], i)
	}
	group, ctx := errgroup.WithContext(ctx)
	for s, at := range places {
		group.Go(func() error { return in.readFrom(ctx, s, keys, at, height, values, &gathered) })
	}
	return values, group.Wait()
}

// readFrom reads the keys at the given places from one shard, and adds to what is
// gathered from all.
func (in *incarnation) readFrom(ctx context.Context, s protocol.ShardID, keys [][]byte, at []int, height protocol.Height, values []*wirepb.Value, gathered *atomic.Int64) error {
	address := in.core.Status().Shards[s].Address
	if address == "" {
		return wire.RetryLater(codes.Unavailable, time.Second, "a shard that holds one of the keys has not connected yet: try again later")
	}
	client, err := in.coordinator.readers.client(s, address)
	if err != nil {
		return status.Errorf(codes.Unavailable, "shard %d at %s: %v", s, address, err)
	}
	request := &wirepb.ShardServiceGetRequest{AtHeight: (*uint64)(&height)}
	for _, i := range at {
		request.Keys = append(request.Keys, keys[i])
	}
	out, err := client.Get(ctx, request, grpc.MaxCallRecvMsgSize(rpc.MostShardRead))
	switch {
	case status.Code(err) == codes.Unavailable:
		return wire.RetryLater(codes.Unavailable, time.Second, fmt.Sprintf("shard %d does not answer at %s, and one of the keys lives there: start it, or mend the way to it", s, address))
	case status.Code(err) == codes.ResourceExhausted && strings.Contains(err.Error(), "larger than max"):
		return wire.TooMuchToRead() // no honest shard has sent it
	case status.Code(err) == codes.ResourceExhausted:
		return err // said of the keys, or of how much is read
	case err != nil:
		return status.Errorf(status.Code(err), "shard %d: %s", s, status.Convert(err).Message())
	}
	if len(out.GetValues()) != len(at) {
		return status.Errorf(codes.Internal, "shard %d answered %d keys of %d", s, len(out.GetValues()), len(at))
	}
	for n, i := range at {
		if gathered.Add(int64(len(out.Values[n].GetValue()))) > wire.MostAnswerBytes {
			return wire.TooMuchToRead()
		}
		values[i] = out.Values[n]
	}
	return nil
}

// shardReaders keeps a connection per shard and address.
type shardReaders struct {
	identity *identity.Identity
	dial     []grpc.DialOption

	mu    sync.Mutex
	conns map[shardAt]*grpc.ClientConn
}

// shardAt is a shard where it was last.
type shardAt struct {
	shard   protocol.ShardID
	address string
}

func newShardReaders(i *identity.Identity, dial []grpc.DialOption) *shardReaders {
	return &shardReaders{identity: i, dial: dial, conns: map[shardAt]*grpc.ClientConn{}}
}

// mostReaders bounds the connections kept: shards that come back at other
// addresses leave theirs behind.
const mostReaders = 2 * protocol.MaxShards

func (r *shardReaders) client(s protocol.ShardID, address string) (wirepb.ShardServiceClient, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := shardAt{s, address}
	conn := r.conns[at]
	if conn == nil {
		if len(r.conns) >= mostReaders {
			r.closeLocked()
		}
		var err error
		if conn, err = rpc.Dial(address, append(slices.Clip(r.dial), r.identity.Expecting(identity.Shard, identity.ShardName(s)))...); err != nil {
			return nil, err
		}
		r.conns[at] = conn
	}
	return wirepb.NewShardServiceClient(conn), nil
}

func (r *shardReaders) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closeLocked()
}

func (r *shardReaders) closeLocked() {
	for at, conn := range r.conns {
		conn.Close()
		delete(r.conns, at)
	}
}
