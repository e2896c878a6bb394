package replica

import (
	"strconv"
	"time"

	"github.com/hashicorp/raft"
)

// Role is what a member does in the group.
type Role string

// The roles.
const (
	RoleLeader    Role = "leader"
	RoleFollower  Role = "follower"
	RoleCandidate Role = "candidate"
	RoleWaiting   Role = "waiting" // to be added to a group
)

// Status is the group as one member sees it.
type Status struct {
	Name      string
	Role      Role
	Term      uint64
	Leader    Member // zero if none is known
	Members   []Member
	Last      uint64 // index of the last entry in the log
	Committed uint64 // index of the last that is known to be committed
	Applied   uint64 // index of the last that was applied
	Snapshot  uint64 // index of the newest snapshot
	LogBytes  int64
	// Contact is how long ago the leader was heard of; zero on the leader.
	Contact time.Duration
}

// Status gives the group as this member sees it.
func (r *Replica) Status() Status {
	stats := r.raft.Stats()
	s := Status{
		Name: r.options.Name, Term: r.raft.CurrentTerm(), Members: r.Members(), Role: r.role(),
		Last: r.raft.LastIndex(), Committed: r.raft.CommitIndex(), Applied: r.raft.AppliedIndex(),
	}
	s.Leader, _ = r.Leader()
	s.Snapshot, _ = strconv.ParseUint(stats["last_snapshot_index"], 10, 64)
	if r.stores.Bytes != nil {
		s.LogBytes = r.stores.Bytes()
	}
	if at := r.raft.LastContact(); s.Role != RoleLeader && !at.IsZero() {
		s.Contact = time.Since(at)
	}
	return s
}

func (r *Replica) role() Role {
	switch r.raft.State() {
	case raft.Leader:
		return RoleLeader
	case raft.Candidate:
		return RoleCandidate
	}
	if len(r.servers()) == 0 {
		return RoleWaiting
	}
	return RoleFollower
}
