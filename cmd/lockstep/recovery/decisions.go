package recovery

import (
	"context"
	"fmt"

	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/protocol"
)

// Decisions are the decisions of a coordinator, the only evidence on which an
// attempt is committed.
type Decisions interface {
	Cluster() protocol.ClusterID
	// Height is the newest decided height.
	Height() protocol.Height
	// At gives the decision for a height from 1 to Height.
	At(ctx context.Context, h protocol.Height) (Decided, error)
	// Source says where they come from, for people and for the audit log.
	Source() string
}

// Decided is what was decided for one height.
type Decided struct {
	Attempt protocol.AttemptID
	Digests []protocol.Digest // by shard
	Root    protocol.Digest
	Key     string // block key
}

// On is what the decision means for one shard; ok is false if the cluster has
// no such shard.
func (d Decided) On(shard protocol.ShardID) (c protocol.Committed, ok bool) {
	if int(shard) >= len(d.Digests) {
		return c, false
	}
	return protocol.Committed{Attempt: d.Attempt, Digest: d.Digests[shard], Root: d.Root}, true
}

// StoppedDecisions are those in the directory of a stopped coordinator.
type StoppedDecisions struct {
	dir     string
	offline *coordinator.Offline
}

// OpenDecisions opens the directory of a stopped coordinator. What a start
// would refuse is no evidence, so it refuses it too.
func OpenDecisions(dir string) (*StoppedDecisions, error) {
	role, err := roleOf(dir)
	if err != nil {
		return nil, err
	}
	if role != RoleCoordinator {
		return nil, fmt.Errorf("%s is not the data directory of a coordinator", dir)
	}
	o, err := coordinator.ReadOffline(dir)
	if err != nil {
		return nil, fmt.Errorf("read the decisions: %w", err)
	}
	return &StoppedDecisions{dir: dir, offline: o}, nil
}

// Cluster implements Decisions.
func (s *StoppedDecisions) Cluster() protocol.ClusterID { return s.offline.State.Config.Cluster }

// Height implements Decisions.
func (s *StoppedDecisions) Height() protocol.Height { return s.offline.Height() }

// At implements Decisions.
func (s *StoppedDecisions) At(_ context.Context, h protocol.Height) (Decided, error) {
	d, ok, err := s.offline.Decision(h)
	if err != nil {
		return Decided{}, fmt.Errorf("read the decision for height %d: %w", h, err)
	}
	if !ok {
		return Decided{}, fmt.Errorf("there is no decision for height %d", h)
	}
	return Decided{Attempt: d.Attempt, Digests: d.Digests, Root: d.Root, Key: d.Key}, nil
}

// Source implements Decisions.
func (s *StoppedDecisions) Source() string { return "directory " + s.dir }

// Close lets go of the directory.
func (s *StoppedDecisions) Close() error { return s.offline.Close() }
