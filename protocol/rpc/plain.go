package rpc

import (
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
)

// plainError is an error of gRPC that reads like one of ours: without "rpc
// error: code = …". The code is still there for status.FromError.
type plainError struct{ error }

// Plain is an error of gRPC as a person should read it: without its prefix, or the advice
// about identities that is in it.
func Plain(err error) error { return identity.Explained(plainError{err}) }

func (e plainError) Error() string { return status.Convert(e.error).Message() }
func (e plainError) Unwrap() error { return e.error }
