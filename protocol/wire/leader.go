package wire

import (
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	notLeaderReason = "NOT_LEADER"
	notLeaderDomain = "lockstep"
	leaderAddress   = "leader"
	membership      = "member"
	notMember       = "no"
	allMembers      = "members"
)

// askAgain is what a caller waits that knows of no other address.
const askAgain = 100 * time.Millisecond

// NotLeader gives the error of a coordinator that does not lead: the call may be
// made again at the address of the one that does, "" if none is known. A block
// that was submitted may still be decided; under its key it is decided once. members
// are the addresses of the coordinators, if it tells: whose last call this was could
// else know too few of them.
func NotLeader(leader, reason string, members ...string) error {
	metadata := map[string]string{leaderAddress: leader}
	if len(members) > 0 {
		metadata[allMembers] = strings.Join(Coordinators(members), ",")
	}
	return notLeader(reason, metadata)
}

// NotMember is NotLeader for a coordinator that is no member of the cluster, so
// that it knows nothing of who leads: it waits to be added, was removed, or is
// refused by the members.
func NotMember(reason string) error {
	return notLeader(reason, map[string]string{leaderAddress: "", membership: notMember})
}

func notLeader(reason string, metadata map[string]string) error {
	s := status.New(codes.Unavailable, reasonOut(reason))
	info := &errdetails.ErrorInfo{Reason: notLeaderReason, Domain: notLeaderDomain, Metadata: metadata}
	if detailed, err := s.WithDetails(info, &errdetails.RetryInfo{RetryDelay: durationpb.New(askAgain)}); err == nil {
		s = detailed
	}
	return s.Err()
}

// Leader reports whether an error is one of NotLeader or NotMember, and the address
// that it names.
func Leader(err error) (address string, notLeader bool) {
	info := notLeaderInfo(err)
	return info.GetMetadata()[leaderAddress], info != nil
}

// Members gives the addresses of the coordinators that an error of NotLeader tells
// of, without repetitions and at most MaxCoordinators; none if it does not tell.
func Members(err error) []string {
	list := notLeaderInfo(err).GetMetadata()[allMembers]
	if list == "" || len(list) > MaxCoordinators*(MaxCoordinatorBytes+1) {
		return nil
	}
	return Coordinators(strings.Split(list, ","))
}

// IsNotMember reports whether an error is one of NotMember.
func IsNotMember(err error) bool {
	return notLeaderInfo(err).GetMetadata()[membership] == notMember
}

// notLeaderInfo gives nil for an error of another kind.
func notLeaderInfo(err error) *errdetails.ErrorInfo {
	for _, d := range status.Convert(err).Details() {
		info, ok := d.(*errdetails.ErrorInfo)
		if ok && info.GetReason() == notLeaderReason && info.GetDomain() == notLeaderDomain {
			return info
		}
	}
	return nil
}
