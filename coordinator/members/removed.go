package members

import (
	"context"
	"slices"

	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// lookForRemoval finds out whether a member that hears of no leader was removed
// while it was away: nobody calls it any more, and its own log does not tell.
func (s *Service) lookForRemoval(ctx context.Context, now replica.Status) {
	switch now.Role {
	case replica.RoleFollower, replica.RoleCandidate:
	case replica.RoleWaiting: // added and not far in the log, or removed and restarted; one that is empty knows nobody
	default:
		return // it knows
	}
	if now.Leader.Name != "" {
		s.group.NoteRemoved(false)
		return
	}
	s.forget(now.Members)
	for _, m := range now.Members {
		if m.Name == now.Name {
			continue
		}
		if answer, err := s.ask(ctx, m.Address); err == nil && s.knowsBetter(answer) {
			s.group.NoteRemoved(!slices.Contains(answer.GetMembers(), now.Name))
			return
		}
	}
}

// knowsBetter reports whether an answer comes from a coordinator of this cluster
// that leads or follows, so that it knows who the members are.
func (s *Service) knowsBetter(answer *wirepb.HereResponse) bool {
	me := s.group.Identity()
	return answer.GetLeader() != "" && len(answer.GetMembers()) > 0 && string(answer.GetCluster()) == string(me.Cluster[:])
}
