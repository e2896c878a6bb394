package rpc

import (
	"strings"

	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
)

// plainError is an error of gRPC that reads like one of ours: without "rpc
// error: code = …". The code is still there for status.FromError.
type plainError struct{ error }

// Plain is an error of a call whose text is its Sentence.
func Plain(err error) error { return plainError{err} }

func (e plainError) Error() string { return Sentence(e.error) }
func (e plainError) Unwrap() error { return e.error }

// dialling is what gRPC puts around the error of the system if it cannot connect.
const dialling = `connection error: desc = "transport: Error while dialing: `

// Sentence says what went wrong with a call, for people: without its code; if it is about
// the identities of both ends, what to do; and of a connection that did not come
// about what the system says, such as "dial tcp 10.0.0.5:7410: connect: connection
// refused".
func Sentence(err error) string {
	message := status.Convert(err).Message()
	if advice := identity.Advice(message); advice != "" {
		return advice
	}
	before, cause, found := strings.Cut(message, dialling)
	if !found {
		return message
	}
	return before + strings.TrimSuffix(cause, `"`)
}
