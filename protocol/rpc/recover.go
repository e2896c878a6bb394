package rpc

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// recoverUnary turns the panic of a handler into codes.Internal and a log line.
func recoverUnary(logger hclog.Logger) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (response any, err error) {
		defer recovered(logger, info.FullMethod, &err)
		return handler(ctx, request)
	}
}

// recoverStream does the same for streams.
func recoverStream(logger hclog.Logger) grpc.StreamServerInterceptor {
	return func(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
		defer recovered(logger, info.FullMethod, &err)
		return handler(service, stream)
	}
}

func recovered(logger hclog.Logger, where string, err *error) {
	if value := recover(); value != nil {
		logger.Error("a panic was caught; this is a bug", "in", where, "panic", value, "stack", string(debug.Stack()))
		*err = status.Error(codes.Internal, fmt.Sprintf("a bug in %s; the server's log has the details", where))
	}
}
