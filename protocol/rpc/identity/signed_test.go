package identity_test

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc/peer"

	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
)

func TestWhatIsSaidIsSigned(t *testing.T) {
	if got := identity.Signed(t.Context(), "ann@desk", 256); got != "ann@desk" {
		t.Errorf("without a peer: %q", got)
	}
	longest := identity.Name{Cluster: strings.Repeat("c", 63), Role: identity.Coordinator, ID: strings.Repeat("n", 128)}
	for _, test := range []struct {
		name identity.Name
		says string
		want string
	}{
		{identity.Name{Cluster: "prod", Role: identity.Operator, ID: "alice"}, "ann@desk", "lockstep://prod/operator/alice (ann@desk)"},
		{longest, strings.Repeat("x", 256), longest.String()},
	} {
		ctx := peer.NewContext(context.Background(), &peer.Peer{AuthInfo: &identity.Peer{Name: test.name}})
		if got := identity.Signed(ctx, test.says, 256); got != test.want || len(got) > 256 {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}
