package rpc

import (
	"context"
	"fmt"
	"runtime/debug"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/outage"
)

// recoverUnary turns the panic of a handler into codes.Internal and a log line.
func recoverUnary(panics *outage.Group) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (response any, err error) {
		defer recovered(panics, info.FullMethod, &err)
		return handler(ctx, request)
	}
}

// recoverStream does the same for streams.
func recoverStream(panics *outage.Group) grpc.StreamServerInterceptor {
	return func(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
		defer recovered(panics, info.FullMethod, &err)
		return handler(service, stream)
	}
}

func recovered(panics *outage.Group, where string, err *error) {
	if value := recover(); value != nil {
		panics.Of(where).Error("a panic was caught, and only this call has failed; it is a bug, please report it", "call", where, "panic", value, "stack", string(debug.Stack()))
		*err = status.Error(codes.Internal, fmt.Sprintf("a bug in %s; the server's log has the details", where))
	}
}
