package client_test

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/coordinator/members"
	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
)

// one is a coordinator of a group that serves.
type one struct {
	*coordinator.Coordinator
	serving
}

// startGroup starts coordinators that replicate what they decide, all in this process,
// and gives them with their addresses.
func startGroup(t *testing.T, n int) (all []one, addresses []string) {
	t.Helper()
	var listeners []net.Listener
	var list []replica.Member
	for i := range n {
		l := listen(t, "127.0.0.1:0")
		listeners, addresses = append(listeners, l), append(addresses, l.Addr().String())
		list = append(list, replica.Member{Name: fmt.Sprint("c", i+1), Address: l.Addr().String()})
	}
	for i, m := range list {
		c, err := coordinator.Open(coordinator.Options{
			Directory: filepath.Join(t.TempDir(), m.Name), Shards: 1, MinFreeBytes: -1,
			Name: m.Name, Address: m.Address, Members: list,
		})
		if err != nil {
			t.Fatal(err)
		}
		node := members.Managed{Coordinator: c, Members: members.New(members.Options{Group: c.Replica(), Address: m.Address})}
		all = append(all, one{c, serve(listeners[i], func(ctx context.Context, l net.Listener) error {
			return rpc.Host(ctx, l, node, rpc.ServerOptions{})
		})})
	}
	return all, addresses
}

// TestTheLeaderOfAGroupIsStopped: another one takes over, and the client goes on with it.
func TestTheLeaderOfAGroupIsStopped(t *testing.T) {
	group, addresses := startGroup(t, 3)
	atShard := listen(t, "127.0.0.1:0")
	shard, err := executor.Open(executor.Options{
		Directory: filepath.Join(t.TempDir(), "shard0"), Coordinators: addresses, Address: atShard.Addr().String(),
		Machine: ledger.Machine{}, MinFreeBytes: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer serve(atShard, shard.Serve).stop(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := connect(t, client.Options{}, addresses...)
	submits := func(key string, height uint64) {
		t.Helper()
		r, err := c.Submit(ctx, key, []protocol.Transaction{transaction(ledger.Put("k", []byte(key)))})
		if err != nil || r.Height != height {
			t.Errorf("block %q: %+v, %v", key, r, err)
		}
	}
	submits("first", 1)
	stopped := 0
	for _, m := range group {
		if stopped == 0 && m.Replica().Status().Role == replica.RoleLeader {
			m.stop(t)
			stopped++
			submits("second", 2)
			submits("first", 1)
			continue
		}
		defer m.stop(t)
	}
	if stopped == 0 {
		t.Error("nobody leads")
	}
}
