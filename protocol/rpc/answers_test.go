package rpc_test

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // the exporter of traces has it registered in the binary, too
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// answering answers reads with what it is told, on a server that bounds nothing.
type answering struct {
	wirepb.UnimplementedShardServiceServer
	wirepb.UnimplementedClusterServiceServer
	values []*wirepb.Value
	here   *wirepb.HereResponse
	packed string // the compressor of its answers; "" for none
}

func (a *answering) Get(ctx context.Context, _ *wirepb.ShardServiceGetRequest) (*wirepb.ShardServiceGetResponse, error) {
	if a.packed != "" {
		if err := grpc.SetSendCompressor(ctx, a.packed); err != nil {
			return nil, err
		}
	}
	return &wirepb.ShardServiceGetResponse{Height: 1, Values: a.values}, nil
}

func (a *answering) Here(context.Context, *wirepb.HereRequest) (*wirepb.HereResponse, error) {
	return a.here, nil
}

func startAnswering(t *testing.T, a *answering) *grpc.ClientConn {
	t.Helper()
	server, l := grpc.NewServer(grpc.MaxSendMsgSize(rpc.MaxMessageBytes)), listen(t)
	wirepb.RegisterShardServiceServer(server, a)
	wirepb.RegisterClusterServiceServer(server, a)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	conn, err := rpc.Dial(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		server.Stop()
		<-served
	})
	return conn
}

func same[T any](n int, one T) []T {
	list := make([]T, n)
	for i := range list {
		list[i] = one
	}
	return list
}

// The largest honest answers to a read are taken: as many values as one may ask for, and
// as many bytes as are gathered.
func TestHonestAnswersOfAShard(t *testing.T) {
	a := &answering{}
	client := wirepb.NewShardServiceClient(startAnswering(t, a))
	for name, values := range map[string][]*wirepb.Value{
		"many":    same(4096, &wirepb.Value{Found: true, Value: []byte("v")}),
		"none":    same(4096, &wirepb.Value{}),
		"large":   same(2, &wirepb.Value{Found: true, Value: make([]byte, wire.MostAnswerBytes/2)}),
		"average": same(4096, &wirepb.Value{Found: true, Value: make([]byte, wire.MostAnswerBytes/4096)}),
	} {
		a.values = values
		out, err := client.Get(t.Context(), &wirepb.ShardServiceGetRequest{}, grpc.MaxCallRecvMsgSize(rpc.MostShardRead))
		if err != nil || len(out.GetValues()) != len(values) {
			t.Errorf("%s: %d values, %v", name, len(out.GetValues()), err)
		}
	}
}

// An answer of a few megabytes that would become very many objects is refused before they
// are made.
func TestAnswersOfVeryManyParts(t *testing.T) {
	const parts = 1 << 20
	a := &answering{values: same(parts, &wirepb.Value{}), here: &wirepb.HereResponse{Members: same(parts, "")}}
	conn := startAnswering(t, a)
	for name, call := range map[string]func() error{
		"values": func() error {
			_, err := wirepb.NewShardServiceClient(conn).Get(t.Context(), &wirepb.ShardServiceGetRequest{})
			return err
		},
		"members": func() error {
			_, err := wirepb.NewClusterServiceClient(conn).Here(t.Context(), &wirepb.HereRequest{})
			return err
		},
	} {
		err := call()
		if err == nil || !strings.Contains(err.Error(), "no correct server sends such") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// An answer that is compressed is refused before it is unpacked.
func TestCompressedAnswers(t *testing.T) {
	a := &answering{values: same(1, &wirepb.Value{Value: make([]byte, 1<<20)}), packed: "gzip"}
	client := wirepb.NewShardServiceClient(startAnswering(t, a))
	_, err := client.Get(t.Context(), &wirepb.ShardServiceGetRequest{})
	if status.Code(err) == codes.OK || !strings.Contains(err.Error(), "the answer is compressed") {
		t.Errorf("got %v", err)
	}
}
