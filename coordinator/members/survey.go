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
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// levelWithin is how many entries a member may be behind under load without being
// said to catch up: they are on their way.
const levelWithin = 256

var roles = map[replica.Role]wirepb.CoordinatorRole{
	replica.RoleLeader:    wirepb.CoordinatorRole_COORDINATOR_ROLE_LEADER,
	replica.RoleFollower:  wirepb.CoordinatorRole_COORDINATOR_ROLE_FOLLOWER,
	replica.RoleCandidate: wirepb.CoordinatorRole_COORDINATOR_ROLE_CANDIDATE,
	replica.RoleWaiting:   wirepb.CoordinatorRole_COORDINATOR_ROLE_WAITING,
}

// Here implements wirepb.ClusterServiceServer.
func (s *Service) Here(context.Context, *wirepb.HereRequest) (*wirepb.HereResponse, error) {
	return s.here(s.group.Status()), nil
}

func (s *Service) here(now replica.Status) *wirepb.HereResponse {
	me := s.group.Identity()
	out := &wirepb.HereResponse{
		Self: &wirepb.CoordinatorStatus{
			Name: now.Name, Address: s.options.Address, Role: roles[now.Role], State: wirepb.CoordinatorState_COORDINATOR_STATE_READY,
			Term: now.Term, LastIndex: now.Last, AppliedIndex: now.Applied, Directory: me.Directory[:],
		},
		Leader: now.Leader.Name, LeaderAddress: now.Leader.Address, Coordinators: addressesOf(now.Members),
	}
	if !me.Cluster.IsZero() {
		out.Cluster = me.Cluster[:]
	}
	if now.Contact > 0 {
		out.Self.ContactMs = millis(now.Contact)
	}
	return out
}

// addressesOf is what shards and clients are told of the members.
func addressesOf(members []replica.Member) []string {
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
			found[i].Address = m.Address
			continue
		}
		group.Go(func() { found[i] = s.look(ctx, m, now) })
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
	out.Address, out.State, out.Reason, out.Behind = m.Address, wirepb.CoordinatorState_COORDINATOR_STATE_READY, "", 0
	if applied := out.GetAppliedIndex(); applied < now.Committed {
		out.Behind = now.Committed - applied
	}
	if out.Behind > levelWithin {
		out.State = wirepb.CoordinatorState_COORDINATOR_STATE_CATCHING_UP
	}
	return out
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
	answer, err := wirepb.NewClusterServiceClient(conn).Here(ctx, &wirepb.HereRequest{})
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
