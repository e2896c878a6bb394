package members

import (
	"context"
	"time"

	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// relieveEvery is the least time between two tries of a leader without space to
// hand over.
const relieveEvery = time.Minute

// relieve hands the leadership over when the disk of this member has too little
// space to take up blocks, and that of another one has enough. found is what the
// members were found to be.
func (s *Service) relieve(ctx context.Context, now replica.Status, found []*wirepb.CoordinatorStatus) {
	reason := s.options.ShortOfSpace()
	if reason == "" || !s.relieved.IsZero() && time.Since(s.relieved) < relieveEvery {
		return
	}
	to := roomiest(found)
	if to == "" {
		return
	}
	s.relieved = time.Now()
	err := s.change(func(now replica.Status) error {
		_, err := s.handOver(ctx, now, to)
		return err
	})
	if err != nil {
		s.relieving.Warn("cannot hand the leadership over to a member that has space, trying again", "member", to, "reason", reason, "error", err)
		return
	}
	s.relieving.Over("could hand the leadership over", "member", to)
	s.options.Logger.Warn("handed the leadership over to a member that has space", "member", to, "reason", reason)
}

// roomiest is a follower that is level and has space, the one that is least behind;
// "" if there is none.
func roomiest(found []*wirepb.CoordinatorStatus) (name string) {
	var least uint64
	for _, m := range found {
		fit := m.GetRole() == wirepb.CoordinatorRole_COORDINATOR_ROLE_FOLLOWER &&
			m.GetState() == wirepb.CoordinatorState_COORDINATOR_STATE_READY && m.GetShortOfSpace() == ""
		if fit && (name == "" || m.GetBehind() < least) {
			name, least = m.GetName(), m.GetBehind()
		}
	}
	return name
}
