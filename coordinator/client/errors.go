package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/wire"
)

// server says who was asked, for sentences about what went wrong.
type server struct {
	what    string // "coordinator" or "shard"
	address string
}

func (s server) String() string { return "the " + s.what + " at " + s.address }

// explain turns the error of a call into a sentence that says what to do. The
// error keeps its status, and context.Canceled if the caller gave up.
func (s server) explain(ctx context.Context, err error) error {
	st, ok := status.FromError(err)
	switch {
	case err == nil:
		return nil
	case errors.Is(context.Cause(ctx), context.Canceled):
		return fmt.Errorf("interrupted: %w", context.Canceled)
	case !ok:
		return err
	}
	return &CallError{status: st, sentence: s.sentence(st, err)}
}

func (s server) sentence(st *status.Status, err error) string {
	if advice := identity.Advice(st.Message()); advice != "" {
		return fmt.Sprintf("cannot talk to %s: %s", s, advice)
	}
	switch st.Code() {
	case codes.Unavailable:
		if leader, elsewhere := wire.Leader(err); elsewhere {
			return noLeader(s, leader, st)
		}
		if _, told := retryAfter(err); told {
			return fmt.Sprintf("%s cannot take this up now: %s", s, st.Message())
		}
		return fmt.Sprintf("cannot reach %s: is it running? start it with \"lockstep %s\", or give --%s", s, s.what, s.what)
	case codes.DeadlineExceeded:
		return fmt.Sprintf("%s did not answer in time: see what its log says, or give a longer --timeout", s)
	case codes.Unimplemented:
		return fmt.Sprintf("the server at %s is no %s of this version: give the address of one with --%s", s.address, s.what, s.what)
	}
	return fmt.Sprintf("%s answers: %s", s, strings.TrimSuffix(st.Message(), "."))
}

// noLeader is the sentence for what only the coordinator that leads can do.
func noLeader(s server, leader string, st *status.Status) string {
	switch {
	case leader != "":
		return fmt.Sprintf("%s does not lead, and sends to %s, which does not answer: see that it can be reached from here", s, leader)
	case wire.IsNotMember(st.Err()):
		return fmt.Sprintf("%s takes no part in the cluster (%s): give --coordinator those that do", s, st.Message())
	}
	return fmt.Sprintf("no coordinator leads for now, says %s (%s): see that a majority of them runs and can reach each other", s, st.Message())
}

// CallError is an error that a server gave, or the lack of a server, in words
// for people.
type CallError struct {
	status   *status.Status
	sentence string
}

func (e *CallError) Error() string { return e.sentence }

// Is tells that nobody answered, or nobody who leads (ErrUnavailable).
func (e *CallError) Is(target error) bool {
	code := e.status.Code()
	return target == ErrUnavailable && (code == codes.Unavailable || code == codes.DeadlineExceeded)
}

// GRPCStatus lets status.Code find the code.
func (e *CallError) GRPCStatus() *status.Status { return e.status }

// retryAfter gives the delay that a server asks for. Only a server that has
// not taken the request up says so; an Unavailable without it may also be a
// connection that broke in the middle.
func retryAfter(err error) (time.Duration, bool) {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration(), true
		}
	}
	return 0, false
}
