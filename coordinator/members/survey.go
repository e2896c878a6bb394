package members

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

const (
	// levelWithin is how many entries a member may be behind under load without being
	// said to catch up: they are on their way.
	levelWithin = 256
	// contactWithin is how long the log may not have reached a member that answers
	// otherwise, without being said so.
	contactWithin = 3 * time.Second
)

var roles = map[replica.Role]wirepb.CoordinatorRole{
	replica.RoleLeader:    wirepb.CoordinatorRole_COORDINATOR_ROLE_LEADER,
	replica.RoleFollower:  wirepb.CoordinatorRole_COORDINATOR_ROLE_FOLLOWER,
	replica.RoleCandidate: wirepb.CoordinatorRole_COORDINATOR_ROLE_CANDIDATE,
	replica.RoleWaiting:   wirepb.CoordinatorRole_COORDINATOR_ROLE_WAITING,
	replica.RoleLearner:   wirepb.CoordinatorRole_COORDINATOR_ROLE_LEARNER,
	replica.RoleRemoved:   wirepb.CoordinatorRole_COORDINATOR_ROLE_REMOVED,
}

// Here implements wirepb.ClusterServiceServer.
func (s *Service) Here(context.Context, *wirepb.HereRequest) (*wirepb.HereResponse, error) {
	return s.here(s.group.Status()), nil
}

// states are those that a coordinator gives itself.
var states = map[replica.Standing]wirepb.CoordinatorState{
	replica.StandingMember:  wirepb.CoordinatorState_COORDINATOR_STATE_READY,
	replica.StandingLearner: wirepb.CoordinatorState_COORDINATOR_STATE_CATCHING_UP,
	replica.StandingOutside: wirepb.CoordinatorState_COORDINATOR_STATE_OUTSIDE,
	replica.StandingRefused: wirepb.CoordinatorState_COORDINATOR_STATE_REFUSED,
}

func (s *Service) here(now replica.Status) *wirepb.HereResponse {
	me := s.group.Identity()
	out := &wirepb.HereResponse{
		Self: &wirepb.CoordinatorStatus{
			Name: now.Name, Address: s.options.Address, Role: roles[now.Role], State: states[now.Standing], Reason: now.Reason,
			ShortOfSpace: s.options.ShortOfSpace(), Term: now.Term, LastIndex: now.Last, AppliedIndex: now.Applied, Directory: me.Directory[:],
		},
		Leader: now.Leader.Name, LeaderAddress: now.Leader.Address, Coordinators: Addresses(now.Members),
	}
	if !me.Cluster.IsZero() {
		out.Cluster = me.Cluster[:]
	}
	for _, m := range now.Members {
		out.Members = append(out.Members, m.Name)
	}
	if now.Contact > 0 {
		out.Self.ContactMs = millis(now.Contact)
	}
	return out
}

// Addresses is what shards and clients are told of the members.
func Addresses(members []replica.Member) []string {
	all := make([]string, len(members))
	for i, m := range members {
		all[i] = m.Address
	}
	return wire.Coordinators(all)
}

func millis(d time.Duration) *uint64 {
	n := uint64(max(d, 0).Milliseconds())
	return &n
}

// survey asks all members how they are, at once. now is the leader's.
func (s *Service) survey(ctx context.Context, now replica.Status) []*wirepb.CoordinatorStatus {
	s.forget(now.Members)
	found := make([]*wirepb.CoordinatorStatus, len(now.Members))
	var group sync.WaitGroup
	for i, m := range now.Members {
		if m.Name == now.Name {
			found[i] = s.here(now).Self
			found[i].Address, found[i].Reason = m.Address, found[i].ShortOfSpace
			continue
		}
		group.Go(func() {
			found[i] = s.look(ctx, m, now)
			found[i].Role = roleHere(found[i].Role, slices.Contains(now.Learners, m.Name))
		})
	}
	group.Wait()
	slices.SortFunc(found, func(a, b *wirepb.CoordinatorStatus) int { return cmp.Compare(a.Name, b.Name) })
	return found
}

// look asks one member how it is.
func (s *Service) look(ctx context.Context, m replica.Member, now replica.Status) *wirepb.CoordinatorStatus {
	answer, err := s.ask(ctx, m.Address)
	if err != nil {
		return s.silent(m, now)
	}
	if reason := s.stranger(m, answer); reason != "" {
		return &wirepb.CoordinatorStatus{
			Name: m.Name, Address: m.Address, State: wirepb.CoordinatorState_COORDINATOR_STATE_REFUSED, Reason: reason,
			Directory: answer.GetSelf().GetDirectory(), ContactMs: s.contact(m.Name), Behind: now.Committed,
		}
	}
	s.note(m.Name)
	out := answer.GetSelf()
	out.Address, out.State, out.Reason = m.Address, wirepb.CoordinatorState_COORDINATOR_STATE_READY, out.GetShortOfSpace()
	s.compare(out, now)
	return out
}

// compare says how far a member is that answers: what it has acknowledged counts,
// and that it applies it. One that has not got the newest list of members yet would not
// vote for those of them that it does not know, however short the log is.
func (s *Service) compare(out *wirepb.CoordinatorStatus, now replica.Status) {
	peer := peerOf(now, out.GetName())
	out.SentBytes = peer.Sent
	out.Behind = max(lacks(now.Last, peer.Acknowledged), lacks(now.Committed, out.GetAppliedIndex()))
	silent := time.Since(peer.Contact)
	switch {
	case peer.Refusal != "":
		out.State, out.Reason = wirepb.CoordinatorState_COORDINATOR_STATE_REFUSED, peer.Refusal
	case peer.Contact.IsZero() || peer.Acknowledged == 0 || out.GetAppliedIndex() == 0 || out.Behind > levelWithin, peer.Acknowledged < now.Configured,
		out.GetRole() == wirepb.CoordinatorRole_COORDINATOR_ROLE_WAITING:
		out.State = wirepb.CoordinatorState_COORDINATOR_STATE_CATCHING_UP
	case silent > contactWithin:
		out.State = wirepb.CoordinatorState_COORDINATOR_STATE_CATCHING_UP
		out.Reason = fmt.Sprintf("%s answers, but has not taken anything of the log for %s: see what its log says", out.GetName(), silent.Round(time.Second))
	}
}

func peerOf(now replica.Status, name string) replica.Peer {
	for _, p := range now.Peers {
		if p.Name == name {
			return p
		}
	}
	return replica.Peer{}
}

// lacks is how many entries are missing up to an index.
func lacks(upTo, has uint64) uint64 { return upTo - min(has, upTo) }

// roleHere is the role of a member by what the leader knows: the member itself may
// not have heard yet whether it has a vote.
func roleHere(said wirepb.CoordinatorRole, learner bool) wirepb.CoordinatorRole {
	switch {
	case learner:
		return wirepb.CoordinatorRole_COORDINATOR_ROLE_LEARNER
	case said == wirepb.CoordinatorRole_COORDINATOR_ROLE_LEARNER:
		return wirepb.CoordinatorRole_COORDINATOR_ROLE_FOLLOWER
	}
	return said
}

// silent is what there is to say of a member that does not answer.
func (s *Service) silent(m replica.Member, now replica.Status) *wirepb.CoordinatorStatus {
	return &wirepb.CoordinatorStatus{
		Name: m.Name, Address: m.Address, State: wirepb.CoordinatorState_COORDINATOR_STATE_UNREACHABLE,
		Reason:    fmt.Sprintf("%s does not answer at %s: start it, or if its disk is lost replace it by an empty coordinator under a new name", m.Name, m.Address),
		ContactMs: s.contact(m.Name), Behind: now.Committed,
	}
}

// stranger says why whoever answers for a member is not that member, and what to
// do; "" if it is.
func (s *Service) stranger(m replica.Member, answer *wirepb.HereResponse) string {
	self, me := answer.GetSelf(), s.group.Identity()
	known, enrolled := s.group.State().Enrolled[m.Name]
	switch {
	case self.GetName() != m.Name:
		return fmt.Sprintf("the coordinator at %s is called %q, not %s: correct the address with \"lockstep cluster add %s=ADDRESS\"", m.Address, self.GetName(), m.Name, m.Name)
	case len(answer.GetCluster()) > 0 && string(answer.GetCluster()) != string(me.Cluster[:]):
		return fmt.Sprintf("the coordinator at %s belongs to cluster %x, not to %v: remove %s, or correct its address", m.Address, answer.GetCluster(), me.Cluster, m.Name)
	case enrolled && string(self.GetDirectory()) != string(known[:]):
		return fmt.Sprintf("%s came back with another data directory, so it may have forgotten what it promised: remove it, start it on an empty directory under a new name with --join, and add that one", m.Name)
	}
	return ""
}

// ask asks whoever is at the address of a member about itself.
func (s *Service) ask(ctx context.Context, address string) (*wirepb.HereResponse, error) {
	conn, err := s.connection(address)
	if err != nil {
		return nil, err
	}
	return s.askOver(ctx, conn)
}

// askOnce asks whoever is at an address that no member may have.
func (s *Service) askOnce(ctx context.Context, address string) (*wirepb.HereResponse, error) {
	conn, err := s.options.Dial(address)
	if err != nil {
		return nil, err
	}
	answer, err := s.askOver(ctx, conn)
	return answer, errors.Join(err, conn.Close())
}

func (s *Service) askOver(ctx context.Context, conn *grpc.ClientConn) (*wirepb.HereResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, s.options.Ask)
	defer cancel()
	answer, err := wirepb.NewClusterServiceClient(conn).Here(ctx, &wirepb.HereRequest{}, grpc.MaxCallRecvMsgSize(rpc.MostShortAnswer))
	if err == nil && (answer.GetSelf() == nil || len(answer.GetSelf().GetDirectory()) != len(protocol.DirectoryID{})) {
		return nil, fmt.Errorf("%s does not answer like a coordinator of this version", conn.Target())
	}
	return answer, err
}

func (s *Service) note(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard[name] = time.Now()
}

// contact is how long ago a member answered, nil if it never did.
func (s *Service) contact(name string) *uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.heard[name]; ok {
		return millis(time.Since(at))
	}
	return nil
}
