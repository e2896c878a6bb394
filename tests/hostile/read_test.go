package hostile

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // the binary has it, for the exporter of traces

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// teller answers reads with what it is told to.
type teller struct {
	wirepb.UnimplementedShardServiceServer
	values func() []*wirepb.Value
	packed bool
}

func (s *teller) Get(ctx context.Context, _ *wirepb.ShardServiceGetRequest) (*wirepb.ShardServiceGetResponse, error) {
	if s.packed {
		if err := grpc.SetSendCompressor(ctx, "gzip"); err != nil {
			return nil, err
		}
	}
	return &wirepb.ShardServiceGetResponse{Height: 1, Values: s.values()}, nil
}

// TestAnswersToReads that would fill the memory of the coordinator are refused, and the
// client is told.
func TestAnswersToReads(t *testing.T) {
	for name, test := range map[string]struct {
		values int // so many
		bytes  int // of each
		packed bool
		want   string
	}{
		"millions of empty values":      {values: 1 << 20, want: "too many parts for its length"},
		"more than one read gives":      {values: 2, bytes: 20 << 20, want: "read fewer keys at one time"},
		"a few bytes that become many":  {values: 2, bytes: 1 << 20, packed: true, want: "the answer is compressed"},
		"values that nobody asked for":  {values: 2, want: "answered 2 keys of 1"},
		"a value that is a little long": {values: 1, bytes: 32<<20 + 1, want: "read fewer keys at one time"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTown(t)
			l := listen(t, "127.0.0.1:0")
			server := grpc.NewServer(grpc.MaxSendMsgSize(rpc.MaxMessageBytes))
			wirepb.RegisterShardServiceServer(server, &teller{packed: test.packed, values: func() []*wirepb.Value {
				list := make([]*wirepb.Value, test.values)
				one := &wirepb.Value{Value: make([]byte, test.bytes)}
				for i := range list {
					list[i] = one
				}
				return list
			}})
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
			c.ready()
			c.goesOn()
			_, err := c.client.Get(t.Context(), &wirepb.GetRequest{Keys: [][]byte{keyOn("source", liarID)}})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the client is told %v", err)
			}
			c.goesOn()
		})
	}
}
