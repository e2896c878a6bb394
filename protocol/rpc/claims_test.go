package rpc_test

import (
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity/identitytest"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// startProven serves sessions to whoever proves who it is.
func startProven(t *testing.T, i *identity.Identity) (*coordinator, string) {
	t.Helper()
	c := startCoordinator(t)
	server, l := rpc.NewServer(rpc.ServerOptions{Identity: i}), listen(t)
	wirepb.RegisterSessionServiceServer(server, c.sessions)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return c, l.Addr().String()
}

// A shard has the session of the shard that its certificate names, and no other.
func TestAShardOpensItsOwnSession(t *testing.T) {
	a := identitytest.New(t)
	server := a.Open(identity.Coordinator, "c1")
	c, address := startProven(t, server)
	as := func(id string) func(*rpc.SessionClientOptions) {
		return func(o *rpc.SessionClientOptions) { o.Identity = a.Open(identity.Shard, id) }
	}
	right := startShard(t, address, as("0")) // it says that it is shard 0
	awaitMessage[*protocol.Welcome](right.recorder, 1)
	right.stop()

	hellos := len(c.all())
	log := newLines()
	wrong := startShard(t, address, as("1"), func(o *rpc.SessionClientOptions) { o.Logger = log.logger() })
	closed := wrong.awaitKind("closed", 1)
	if want := "lockstep://prod/shard/1 says that it is shard 0"; !strings.Contains(closed.reason.Error(), want) {
		t.Errorf("closed: %v, want %s", closed.reason, want)
	}
	log.await(t, "says that it is shard 0")
	wrong.stop()
	for _, ev := range c.all()[hellos:] {
		if _, hello := ev.env.Message.(*protocol.Hello); hello {
			t.Error("the hello of another shard was handed on")
		}
	}
	if server.Refused()[identity.OtherPeer] == 0 {
		t.Errorf("not counted: %v", server.Refused())
	}
}
