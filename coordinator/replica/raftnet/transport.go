package raftnet

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Transport connects a raft node with those of the other coordinators. It is
// safe for concurrent use.
type Transport struct {
	options   Options
	consumer  chan raft.RPC
	heartbeat atomic.Pointer[func(raft.RPC)]
	peers     *peers
	// budget is what requests that come in may occupy, in bytes.
	budget *semaphore.Weighted

	// ctx is done when the transport is closed.
	ctx     context.Context
	close   context.CancelFunc
	mu      sync.Mutex     // guards Add of running against Close
	running sync.WaitGroup // goroutines of pipelines and of snapshots that are sent
}

var (
	_ raft.Transport   = (*Transport)(nil)
	_ raft.WithPreVote = (*Transport)(nil)
	_ raft.WithClose   = (*Transport)(nil)
)

// New checks the options. It dials nobody and serves nobody yet.
func New(o Options) (*Transport, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("replication transport: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	return &Transport{
		options:  o,
		consumer: make(chan raft.RPC),
		peers:    newPeers(o),
		budget:   semaphore.NewWeighted(2 * int64(o.MaxRequestBytes)),
		ctx:      ctx,
		close:    stop,
	}, nil
}

// Register makes a server hand the calls of other coordinators to this
// transport. Until raft consumes them they wait, up to their deadline.
func (t *Transport) Register(r grpc.ServiceRegistrar) {
	wirepb.RegisterReplicationServiceServer(r, &service{t: t})
}

// Close ends every call, those of others too, and waits for the goroutines that
// it has started. What raft asks for afterwards fails with
// raft.ErrTransportShutdown. Raft calls it when it shuts down.
func (t *Transport) Close() error {
	t.mu.Lock()
	t.close()
	t.mu.Unlock()
	t.peers.close()
	t.running.Wait()
	return nil
}

// goFunc runs f unless the transport is closed; it reports whether it does.
func (t *Transport) goFunc(f func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ctx.Err() != nil {
		return false
	}
	t.running.Go(f)
	return true
}

// Consumer implements raft.Transport.
func (t *Transport) Consumer() <-chan raft.RPC { return t.consumer }

// LocalAddr implements raft.Transport. It is Options.Address.
func (t *Transport) LocalAddr() raft.ServerAddress { return t.options.Address }

// EncodePeer implements raft.Transport.
func (t *Transport) EncodePeer(_ raft.ServerID, address raft.ServerAddress) []byte {
	return []byte(address)
}

// DecodePeer implements raft.Transport.
func (t *Transport) DecodePeer(b []byte) raft.ServerAddress { return raft.ServerAddress(b) }

// SetHeartbeatHandler implements raft.Transport. The handler is called from many
// goroutines.
func (t *Transport) SetHeartbeatHandler(handler func(raft.RPC)) { t.heartbeat.Store(&handler) }

// Inject hands a request such as *raft.TimeoutNowRequest to the local raft node
// and gives its answer, as if it had come from another coordinator.
func (t *Transport) Inject(ctx context.Context, command any) (any, error) {
	answer, err := t.ask(ctx, raft.RPC{Command: command}, nil, nil)
	if err != nil {
		return nil, err
	}
	return answer.Response, answer.Error
}

// ask hands a request to raft and waits for the answer. Meanwhile it calls
// working whenever beat fires; a nil beat never does.
func (t *Transport) ask(ctx context.Context, request raft.RPC, beat <-chan time.Time, working func() error) (raft.RPCResponse, error) {
	answers := make(chan raft.RPCResponse, 1)
	request.RespChan = answers
	consumer := t.consumer
	if handler := t.heartbeat.Load(); handler != nil && isHeartbeat(request.Command) {
		(*handler)(request)
		consumer = nil
	}
	for {
		select {
		case consumer <- request:
			consumer = nil
		case answer := <-answers:
			return answer, nil
		case <-beat:
			if err := working(); err != nil {
				return raft.RPCResponse{}, err
			}
		case <-ctx.Done():
			return raft.RPCResponse{}, context.Cause(ctx)
		case <-t.ctx.Done():
			return raft.RPCResponse{}, raft.ErrTransportShutdown
		}
	}
}

// isHeartbeat tells what raft handles beside its main loop, by the same signs as
// raft.NetworkTransport.
func isHeartbeat(command any) bool {
	a, ok := command.(*raft.AppendEntriesRequest)
	return ok && a.Term != 0 && len(a.Addr) > 0 && a.PrevLogEntry == 0 && a.PrevLogTerm == 0 &&
		len(a.Entries) == 0 && a.LeaderCommitIndex == 0
}
