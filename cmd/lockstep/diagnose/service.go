package diagnose

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

const (
	// MaxPartBytes bounds one part.
	MaxPartBytes = 32 << 20
	// MaxSeconds bounds how long a part is measured.
	MaxSeconds = 30
	// mostCalls bounds the parts that are made at once: each is held in memory.
	mostCalls  = 2
	pieceBytes = 64 << 10
	retryAfter = time.Second
)

// Part writes one thing that can be had. Those that measure do so for as long as
// told, or until ctx ends.
type Part func(ctx context.Context, to *bytes.Buffer, measure time.Duration) error

// Service tells of a daemon. It is safe for concurrent use.
type Service struct {
	wirepb.UnimplementedDebugServiceServer
	access Access
	parts  map[string]Part
	calls  chan struct{}
}

// NewService has the parts of every process, and own.
func NewService(access Access, own map[string]Part) *Service {
	s := &Service{access: access, parts: profiles(), calls: make(chan struct{}, mostCalls)}
	for name, part := range own {
		s.parts[name] = part
	}
	return s
}

// Register adds it to a gRPC server.
func (s *Service) Register(r grpc.ServiceRegistrar) { wirepb.RegisterDebugServiceServer(r, s) }

// Collect sends one part.
func (s *Service) Collect(in *wirepb.CollectRequest, out grpc.ServerStreamingServer[wirepb.CollectResponse]) error {
	if err := s.access.admit(out.Context()); err != nil {
		return err
	}
	content, err := s.make(out.Context(), in.GetPart(), in.GetSeconds())
	if err != nil {
		return err
	}
	for piece := content.Next(pieceBytes); len(piece) > 0; piece = content.Next(pieceBytes) {
		if err := out.Send(&wirepb.CollectResponse{Content: piece}); err != nil {
			return err
		}
	}
	return nil
}

// make gives the content of a part.
func (s *Service) make(ctx context.Context, name string, seconds uint32) (*bytes.Buffer, error) {
	part, ok := s.parts[name]
	if !ok {
		return nil, status.Errorf(codes.NotFound, "this daemon has no part %q", name)
	}
	if seconds > MaxSeconds {
		return nil, status.Errorf(codes.InvalidArgument, "nothing is measured for longer than %d s, not for %d", MaxSeconds, seconds)
	}
	select {
	case s.calls <- struct{}{}:
		defer func() { <-s.calls }()
	default:
		return nil, wire.RetryLater(codes.ResourceExhausted, retryAfter, "this daemon is telling others of itself")
	}
	var content bytes.Buffer
	err := part(ctx, &content, time.Duration(seconds)*time.Second)
	switch {
	case ctx.Err() != nil:
		return nil, status.FromContextError(ctx.Err()).Err()
	case errors.Is(err, errBusy):
		return nil, wire.RetryLater(codes.ResourceExhausted, retryAfter, err.Error())
	case err != nil:
		return nil, status.Error(codes.Internal, fmt.Sprintf("cannot make the part %q: %v", name, err))
	case content.Len() > MaxPartBytes:
		return nil, status.Errorf(codes.OutOfRange, "the part %q has %d bytes, more than the %d that are sent", name, content.Len(), MaxPartBytes)
	}
	return &content, nil
}
