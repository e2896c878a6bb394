package members

import (
	"cmp"
	"slices"
	"time"

	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Known gives the members as one of them knows them without asking, in order of
// their names: addresses, who leads, who has no vote, when it and they heard of each
// other, and on the leader how far they are.
func Known(now replica.Status) (all []*wirepb.CoordinatorStatus) {
	for _, m := range now.Members {
		out := &wirepb.CoordinatorStatus{Name: m.Name, Address: m.Address, Role: wirepb.CoordinatorRole_COORDINATOR_ROLE_FOLLOWER}
		peer := peerOf(now, m.Name)
		switch {
		case m.Name == now.Name:
			out.Role, out.Term, out.LastIndex, out.AppliedIndex = roles[now.Role], now.Term, now.Last, now.Applied
		case m.Name == now.Leader.Name:
			out.Role = wirepb.CoordinatorRole_COORDINATOR_ROLE_LEADER
		case slices.Contains(now.Learners, m.Name):
			out.Role = wirepb.CoordinatorRole_COORDINATOR_ROLE_LEARNER
		}
		if now.Role == replica.RoleLeader && m.Name != now.Name {
			out.Behind, out.SentBytes, out.Reason = lacks(now.Last, peer.Acknowledged), peer.Sent, peer.Refusal
		}
		if !peer.Contact.IsZero() {
			out.ContactMs = millis(time.Since(peer.Contact))
		}
		all = append(all, out)
	}
	slices.SortFunc(all, func(a, b *wirepb.CoordinatorStatus) int { return cmp.Compare(a.Name, b.Name) })
	return all
}
