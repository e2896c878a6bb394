package coordinator

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/rpc/guard"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// watchedAt serves the coordinator with other limits, too.
func (f *office) watchedAt(limits guard.Limits) wirepb.CoordinatorServiceClient {
	f.t.Helper()
	server := rpc.NewServer(rpc.ServerOptions{Limits: limits})
	f.Register(server)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	conn, err := rpc.Dial(l.Addr().String())
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		conn.Close()
		server.Stop()
		<-served
	})
	return wirepb.NewCoordinatorServiceClient(conn)
}

// TestWatchersReadTheHistoryAtAPace: as often as they begin anew. What is committed
// while they watch comes at once.
func TestWatchersReadTheHistoryAtAPace(t *testing.T) {
	const blocks, keysPerBlock = 3, 8
	f := newOffice(t, Options{})
	newPuppet(t, f)
	for h := range uint64(blocks) {
		f.commits(fmt.Sprint("block ", h), h+1)
	}
	client := f.watchedAt(guard.Limits{ReadKeysPerSecond: keysPerBlock})
	history := func(ctx context.Context) (watch wirepb.CoordinatorService_WatchClient, took time.Duration, err error) {
		began := time.Now()
		watch, err = client.Watch(ctx, &wirepb.WatchRequest{FromHeight: 1})
		for h := uint64(1); err == nil && h <= blocks; h++ {
			var in *wirepb.WatchResponse
			if in, err = watch.Recv(); err == nil && in.GetBlock().GetHeight() != h {
				err = fmt.Errorf("block %d came as %d", in.GetBlock().GetHeight(), h)
			}
		}
		return watch, time.Since(began), err
	}
	watch, took, err := history(context1(t))
	if err != nil {
		t.Fatal(err)
	}
	if least := (blocks - 1) * time.Second * 9 / 10; took < least {
		t.Errorf("%d blocks of the history were read within %v, at one a second", blocks, took)
	}
	const meanwhile = 30
	began := time.Now()
	for h := uint64(blocks + 1); h <= blocks+meanwhile; h++ {
		f.commits(fmt.Sprint("block ", h), h)
		if in, err := watch.Recv(); err != nil || in.GetBlock().GetHeight() != h {
			t.Fatalf("block %d: %v, %v", h, in, err)
		}
	}
	if took := time.Since(began); took > meanwhile*time.Second/2 {
		t.Errorf("%d blocks that were committed meanwhile came within %v", meanwhile, took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, _, err = history(ctx)
	wantCode(t, err, codes.DeadlineExceeded)
}
