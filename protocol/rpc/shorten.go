package rpc

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

// mostErrorBytes bounds the text of an error that leaves a server. It is written with
// up to three bytes for each, and again in the details. All that ends a call must fit
// into maxHeaderBytes: a client takes no more, and would not learn what was wrong.
const mostErrorBytes = 2 << 10

// shortenUnary cuts the texts of errors, which may quote what a client has sent.
func shortenUnary(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	response, err := handler(ctx, request)
	return response, shortened(err)
}

// shortenStream is that for streams.
func shortenStream(service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	return shortened(handler(service, stream))
}

func shortened(err error) error {
	if err == nil || len(status.Convert(err).Message()) <= mostErrorBytes {
		return err
	}
	short := status.Convert(err).Proto()
	short.Message = strings.ToValidUTF8(short.Message[:mostErrorBytes], "") + " …"
	return status.ErrorProto(short)
}
