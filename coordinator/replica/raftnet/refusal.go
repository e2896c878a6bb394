package raftnet

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Reason says what is wrong between two coordinators.
type Reason uint8

// The reasons of a RefusedError.
const (
	// OtherCluster: they belong to different clusters.
	OtherCluster Reason = iota + 1
	// OtherName: the coordinator at an address has another name than expected.
	OtherName
	// OtherDirectory: one of them has another data directory than the one that is
	// recorded for its name, or an empty one that is not recorded.
	OtherDirectory
)

var reasons = map[Reason]wirepb.ReplicationRefusalReason{
	OtherCluster:   wirepb.ReplicationRefusalReason_REPLICATION_REFUSAL_REASON_CLUSTER,
	OtherName:      wirepb.ReplicationRefusalReason_REPLICATION_REFUSAL_REASON_NAME,
	OtherDirectory: wirepb.ReplicationRefusalReason_REPLICATION_REFUSAL_REASON_DIRECTORY,
}

// RefusedError tells that two coordinators do not talk to each other. It lasts
// until an operator does something.
type RefusedError struct {
	// Peer is the other coordinator.
	Peer raft.ServerID
	// ByPeer tells that the other one refused; else this one did.
	ByPeer bool
	// Reason is what is wrong.
	Reason Reason
	// Sentence says what is wrong and what to do.
	Sentence string
}

func (e *RefusedError) Error() string { return e.Sentence }

func refused(peer raft.ServerID, reason Reason, format string, args ...any) *RefusedError {
	return &RefusedError{Peer: peer, Reason: reason, Sentence: fmt.Sprintf(format, args...)}
}

// toStatus gives an error the form in which it goes to the caller.
func toStatus(err error) error {
	var refusal *RefusedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refusal):
		return refusal.status()
	case errors.Is(err, errMalformed):
		return status.Error(codes.InvalidArgument, err.Error())
	case errors.Is(err, errStalled):
		return status.Error(codes.DeadlineExceeded, err.Error())
	case errors.Is(err, raft.ErrTransportShutdown):
		return status.Error(codes.Unavailable, "this coordinator has stopped replicating")
	}
	if s, ok := status.FromError(err); ok {
		return s.Err()
	}
	return status.FromContextError(err).Err()
}

func (e *RefusedError) status() error {
	s := status.New(codes.FailedPrecondition, e.Sentence)
	// Adding a detail fails only for codes.OK.
	s, _ = s.WithDetails(&wirepb.ReplicationRefusal{Reason: reasons[e.Reason]})
	return s.Err()
}

// refusalOf finds the refusal of a peer in the error of a call, or gives nil.
func refusalOf(peer raft.ServerID, err error) *RefusedError {
	s := status.Convert(err)
	if s.Code() != codes.FailedPrecondition {
		return nil
	}
	for _, detail := range s.Details() {
		if d, ok := detail.(*wirepb.ReplicationRefusal); ok {
			return &RefusedError{Peer: peer, ByPeer: true, Reason: reasonOf(d.Reason), Sentence: s.Message()}
		}
	}
	return nil
}

// reasonOf gives 0 for a reason that this version does not know.
func reasonOf(on wirepb.ReplicationRefusalReason) Reason {
	for reason, other := range reasons {
		if other == on {
			return reason
		}
	}
	return 0
}
