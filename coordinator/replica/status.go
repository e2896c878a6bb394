package replica

import (
	"strconv"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/coordinator/replica/raftnet"
)

// Role is what a member does in the group.
type Role string

// The roles.
const (
	RoleLeader    Role = "leader"
	RoleFollower  Role = "follower"
	RoleCandidate Role = "candidate"
	RoleLearner   Role = "learner" // gets the log, and has no vote yet
	RoleWaiting   Role = "waiting" // to be added to a group
	RoleRemoved   Role = "removed" // from the group
)

// Status is the group as one member sees it.
type Status struct {
	Name string
	Role Role
	// Standing and Reason are those of Replica.Standing.
	Standing  Standing
	Reason    string
	Term      uint64
	Leader    Member // zero if none is known
	Members   []Member
	Learners  []string // names of those that have no vote
	Last      uint64   // index of the last entry in the log
	Committed uint64   // index of the last that is known to be committed
	Applied   uint64   // index of the last that was applied
	Snapshot  uint64   // index of the newest snapshot
	// Configured is the index of the newest list of members in the log. Who has not got
	// that far does not know yet who may be elected.
	Configured uint64
	LogBytes   int64
	// Contact is how long ago the leader was heard of; zero on the leader.
	Contact time.Duration
	// Peers are the other members that this one has called, or was called by.
	Peers []Peer
}

// Peer is what this member knows of another one.
type Peer struct {
	Name string
	// Acknowledged is the index up to which its log was that of this member, by its
	// last answer; 0 if it gave none. It counts while this member leads.
	Acknowledged uint64
	// Contact is when it was heard of last; zero if never.
	Contact time.Time
	// Sent is how many bytes this member has sent to it.
	Sent uint64
	// Refusal is why the two do not talk to each other, and what to do; "" if they
	// do.
	Refusal string
}

// acquainted is a transport that knows its peers.
type acquainted interface {
	Peers() []raftnet.PeerStatus
}

// peers gives what the transport knows of the members; of all that it knows while
// this one is no member.
func (r *Replica) peers() (list []Peer) {
	t, ok := r.transport.(acquainted)
	if !ok {
		return nil
	}
	members := map[raft.ServerID]bool{}
	for _, s := range r.servers() {
		members[s.ID] = true
	}
	for _, p := range t.Peers() {
		if len(members) > 0 && !members[p.ID] {
			continue
		}
		peer := Peer{Name: string(p.ID), Acknowledged: p.Acknowledged, Contact: p.LastContact, Sent: p.BytesSent}
		if p.Refusal != nil {
			peer.Refusal = p.Refusal.Sentence
		}
		list = append(list, peer)
	}
	return list
}

// Status gives the group as this member sees it.
func (r *Replica) Status() Status {
	stats, configuration := r.raft.Stats(), r.raft.GetConfiguration()
	s := Status{
		Name: r.options.Name, Term: r.raft.CurrentTerm(), Members: r.Members(), Learners: r.Learners(), Role: r.role(),
		Configured: configuration.Index(),
		Last:       r.raft.LastIndex(), Committed: r.raft.CommitIndex(), Applied: r.raft.AppliedIndex(),
	}
	s.Leader, _ = r.Leader()
	s.Standing, s.Reason = r.Standing()
	s.Peers = r.peers()
	s.Snapshot, _ = strconv.ParseUint(stats["last_snapshot_index"], 10, 64)
	s.LogBytes = r.LogBytes()
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
	s, _ := r.machine.State()
	_, enrolled := s.Enrolled[r.options.Name]
	return roleAmong(r.options.Name, r.servers(), enrolled)
}

// roleAmong is the role of one that neither leads nor wants to. A newcomer that has not
// the whole log yet has lists of members in which it is not: it was not removed, but has
// not read yet that it was added.
func roleAmong(name string, servers []raft.Server, enrolled bool) Role {
	for _, s := range servers {
		switch {
		case string(s.ID) != name:
		case s.Suffrage == raft.Voter:
			return RoleFollower
		default:
			return RoleLearner
		}
	}
	if enrolled && len(servers) > 0 {
		return RoleRemoved
	}
	return RoleWaiting
}
