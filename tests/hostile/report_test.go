package hostile

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// gossip answers whoever asks how it is with more than anybody wants to hear.
type gossip struct {
	wirepb.UnimplementedShardServiceServer
}

func (gossip) Status(context.Context, *wirepb.ShardServiceStatusRequest) (*wirepb.ShardServiceStatusResponse, error) {
	return &wirepb.ShardServiceStatusResponse{Status: &wirepb.ShardStatus{Id: uint32(liarID), Reason: strings.Repeat("lie ", 5<<20)}}, nil
}

// TestAReportThatIsTooLong does not get into the status of the cluster, which would be
// too long for everybody.
func TestAReportThatIsTooLong(t *testing.T) {
	c := newTown(t)
	l := listen(t, "127.0.0.1:0")
	server := rpc.NewServer(rpc.ServerOptions{})
	wirepb.RegisterShardServiceServer(server, gossip{})
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		<-served
	})
	c.liar.bends(bent(func(h *protocol.Hello) protocol.Message {
		lie := *h
		lie.Address = l.Addr().String()
		return &lie
	}))
	c.liar.returns()
	c.await("status says that the report is too long", func() bool {
		out, err := c.client.Status(t.Context(), &wirepb.StatusRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if size := proto.Size(out); size > 64<<10 {
			t.Fatalf("the status has %d bytes", size)
		}
		failure := out.GetStatus().GetShards()[liarID].GetReport().GetFailure()
		return strings.Contains(failure, "larger than max")
	})
	c.goesOn()
}
