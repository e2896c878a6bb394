package client_test

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/protocol"
)

// serving is a node that serves until it is stopped.
type serving struct {
	cancel context.CancelFunc
	ended  chan error
}

func serve(l net.Listener, node func(context.Context, net.Listener) error) serving {
	ctx, cancel := context.WithCancel(context.Background())
	s := serving{cancel: cancel, ended: make(chan error, 1)}
	go func() { s.ended <- node(ctx, l) }()
	return s
}

func (s serving) stop(t *testing.T) {
	t.Helper()
	s.cancel()
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
}

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestTheCoordinatorIsStoppedAndStarted: a real one. Blocks that are submitted meanwhile
// are committed once, and whoever watches sees each once.
func TestTheCoordinatorIsStoppedAndStarted(t *testing.T) {
	dir := t.TempDir()
	address := ""
	begin := func() serving {
		c, err := coordinator.Open(coordinator.Options{Directory: filepath.Join(dir, "coordinator"), Shards: 1, MinFreeBytes: -1})
		if err != nil {
			t.Fatal(err)
		}
		l := listen(t, cmp.Or(address, "127.0.0.1:0"))
		address = l.Addr().String()
		return serve(l, c.Serve)
	}
	running := begin()
	atShard := listen(t, "127.0.0.1:0")
	shard, err := executor.Open(executor.Options{
		Directory: filepath.Join(dir, "shard0"), Coordinators: []string{address}, Address: atShard.Addr().String(),
		Machine: ledger.Machine{}, MinFreeBytes: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer serve(atShard, shard.Serve).stop(t)

	const blocks = 12
	c := connect(t, client.Options{}, address)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	half, submitted := make(chan struct{}), make(chan error, 1)
	go func() {
		var err error
		for n := 0; n < blocks && err == nil; n++ {
			if n == blocks/2 {
				close(half)
			}
			_, err = c.Submit(ctx, fmt.Sprint("block", n), []protocol.Transaction{transaction(ledger.Put("n", []byte{byte(n)}))})
		}
		submitted <- err
	}()
	watching, enough := context.WithCancel(ctx)
	defer enough()
	var seen []string
	watched := make(chan error, 1)
	go func() {
		watched <- c.Watch(watching, 1, func(r client.Result) error {
			if seen = append(seen, r.Key); len(seen) == blocks {
				enough()
			}
			return nil
		})
	}()
	select {
	case <-half:
	case <-ctx.Done():
		t.Fatal(<-submitted)
	}
	running.stop(t)
	running = begin()
	defer running.stop(t)
	if err := <-submitted; err != nil {
		t.Error(err)
	}
	if err := <-watched; !slices.Equal(seen, numbered(blocks)) {
		t.Errorf("seen %q, %v", seen, err)
	}
}
