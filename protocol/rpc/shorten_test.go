package rpc_test

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// quoting finds no block, and quotes the key.
type quoting struct {
	wirepb.UnimplementedCoordinatorServiceServer
}

func (quoting) GetBlock(_ context.Context, in *wirepb.GetBlockRequest) (*wirepb.GetBlockResponse, error) {
	return nil, status.Errorf(codes.NotFound, "no block with key %q is committed", in.GetKey())
}

func (quoting) Watch(in *wirepb.WatchRequest, _ wirepb.CoordinatorService_WatchServer) error {
	return status.Error(codes.NotFound, strings.Repeat("ä", int(in.GetFromHeight())))
}

// An error that quotes much of what a client has sent still tells what was wrong.
func TestLongErrorsAreCut(t *testing.T) {
	_, conn := startServer(t, rpc.ServerOptions{}, func(s *rpc.Server) { wirepb.RegisterCoordinatorServiceServer(s, quoting{}) })
	api := wirepb.NewCoordinatorServiceClient(conn)
	const length = 100_000
	_, err := api.GetBlock(t.Context(), &wirepb.GetBlockRequest{By: &wirepb.GetBlockRequest_Key{Key: strings.Repeat("k", length)}})
	if text := status.Convert(err).Message(); status.Code(err) != codes.NotFound || !strings.HasPrefix(text, `no block with key "kkk`) || !strings.HasSuffix(text, "k …") {
		t.Errorf("got %.100s", text)
	}
	stream, err := api.Watch(t.Context(), &wirepb.WatchRequest{FromHeight: length})
	if err == nil {
		_, err = stream.Recv()
	}
	if text := status.Convert(err).Message(); status.Code(err) != codes.NotFound || !strings.HasSuffix(text, "ää …") {
		t.Errorf("got %.100s", text)
	}
	_, err = api.GetBlock(t.Context(), &wirepb.GetBlockRequest{By: &wirepb.GetBlockRequest_Key{Key: "k"}})
	if text := status.Convert(err).Message(); text != `no block with key "k" is committed` {
		t.Errorf("a short one: %s", text)
	}
}
