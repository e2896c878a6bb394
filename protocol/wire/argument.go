package wire

import (
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// ArgumentError says what is wrong with a client's request. gRPC answers it
// with codes.InvalidArgument, also when it is wrapped. It wraps ErrMalformed,
// ErrTooLarge or protocol.ErrMalformed.
type ArgumentError struct {
	Field string // which part of the request, as the .proto file names it
	Err   error
}

func (e *ArgumentError) Error() string { return e.Field + ": " + e.Err.Error() }
func (e *ArgumentError) Unwrap() error { return e.Err }

// GRPCStatus makes status.FromError and gRPC servers see InvalidArgument.
func (e *ArgumentError) GRPCStatus() *status.Status {
	return status.New(codes.InvalidArgument, e.Error())
}

// argument names the field that an error is about.
func argument(err error, field string, args ...any) error {
	return &ArgumentError{Field: fmt.Sprintf(field, args...), Err: err}
}
