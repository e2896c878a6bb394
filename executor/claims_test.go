package executor

import (
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity/identitytest"
	"google.golang.org/grpc"
)

// Values of a shard come from nobody but that shard, and go to nobody but the one they
// are for.
func TestExchangeIsBetweenThoseWhoProveIt(t *testing.T) {
	a := identitytest.New(t)
	own := func(id string) *identity.Identity { return a.Open(identity.Shard, id) }
	for _, test := range []struct {
		what           string
		sender, target *identity.Identity
		arrives        bool
	}{
		{"right", own("0"), own("1"), true},
		{"the sender is another", own("2"), own("1"), false},
		{"the target is another", own("0"), own("2"), false},
		{"the sender is a client", a.Open(identity.Client, "x"), own("1"), false},
	} {
		one := newPostAs(t, 1, 3, test.target)
		one.meets()
		zero := newPost(t, 0, 3)
		zero.dial = func(peer protocol.ShardID, address string) (*grpc.ClientConn, error) {
			return rpc.Dial(address, test.sender.Expecting(identity.Shard, identity.ShardName(peer)))
		}
		zero.meets(protocol.Peer{Shard: 1, Address: one.address})
		zero.Push(1, at(1, 1), packed("v"))
		if test.arrives {
			eventually(t, test.what, func() bool { return one.times(line0(at(1, 1), "v")) == 1 })
			continue
		}
		eventually(t, test.what, func() bool { return zero.Traffic().Breaks > 2 })
		if one.times(line0(at(1, 1), "v")) != 0 || one.Silent(0) == 0 {
			t.Errorf("%s: values have come", test.what)
		}
	}
}
