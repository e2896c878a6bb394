package coordinator

import (
	"context"
	"net"
	"runtime"
	"sync"
	"testing"
	"weak"

	"google.golang.org/grpc/stats"

	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// decodedRequests remembers what a server has decoded, and keeps none of it.
type decodedRequests struct {
	stats.Handler
	mu   sync.Mutex
	seen []weak.Pointer[wirepb.Transaction]
}

func (d *decodedRequests) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return ctx
}

func (d *decodedRequests) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return ctx
}

func (d *decodedRequests) HandleConn(context.Context, stats.ConnStats) {}

func (d *decodedRequests) HandleRPC(_ context.Context, event stats.RPCStats) {
	in, ok := event.(*stats.InPayload)
	if !ok {
		return
	}
	var list []*wirepb.Transaction
	switch request := in.Payload.(type) {
	case *wirepb.SubmitBlockRequest:
		list = request.GetTransactions().GetTransactions()
	case *wirepb.SubmitTransactionsRequest:
		for _, t := range request.GetTransactions() {
			list = append(list, t.GetTransaction())
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range list {
		d.seen = append(d.seen, weak.Make(t))
	}
}

// gone reports whether so many were decoded, and none is left.
func (d *decodedRequests) gone(n int) bool {
	runtime.GC()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.seen {
		if p.Value() != nil {
			return false
		}
	}
	return len(d.seen) == n
}

// TestARequestIsLetGoWhileItsBlockWaits: as objects it takes many times what its block
// does, which is what is counted.
func TestARequestIsLetGoWhileItsBlockWaits(t *testing.T) {
	for name, send := range map[string]func(context.Context, wirepb.CoordinatorServiceClient) error{
		"SubmitBlock": func(ctx context.Context, client wirepb.CoordinatorServiceClient) error {
			_, err := client.SubmitBlock(ctx, request("waits", patience, message("a", "k"), message("b", "l")))
			return err
		},
		"SubmitBlocks": func(ctx context.Context, client wirepb.CoordinatorServiceClient) error {
			s, err := client.SubmitBlocks(ctx)
			if err == nil {
				err = s.Send(request("waits", patience, message("a", "k"), message("b", "l")))
			}
			if err == nil {
				_, err = s.Recv()
			}
			return err
		},
		"SubmitTransactions": func(ctx context.Context, client wirepb.CoordinatorServiceClient) error {
			s, err := client.SubmitTransactions(ctx)
			if err == nil {
				err = s.Send(&wirepb.SubmitTransactionsRequest{Transactions: []*wirepb.TaggedTransaction{withTag(1, "a"), withTag(2, "b")}})
			}
			if err == nil {
				_, err = s.Recv()
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newOffice(t, Options{}) // without a shard, blocks wait
			seen := &decodedRequests{}
			server := rpc.NewServer(rpc.ServerOptions{Stats: seen})
			f.Register(server)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan error, 1)
			go func() { served <- server.Serve(l) }()
			conn, err := rpc.Dial(l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- send(ctx, wirepb.NewCoordinatorServiceClient(conn)) }()
			eventually(t, "the block waits", func() bool { return f.Status().Queued == 1 })
			eventually(t, "the request is let go", func() bool { return seen.gone(2) })
			cancel()
			if err := receive(t, "the end of the call", ended); err == nil {
				t.Error("a block was decided without shards")
			}
			conn.Close()
			server.Stop()
			<-served
		})
	}
}
