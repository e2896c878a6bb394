package history

import (
	"fmt"
	"maps"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Meta is what the history says about itself and about the log that continues
// it. It is written with the decisions, in one transaction.
type Meta struct {
	// Config is the configuration of the cluster; it never changes.
	Config protocol.Config
	// Epoch is the highest that the log had claimed.
	Epoch protocol.Epoch
	// Joined binds shards to data directories. Bindings are only added.
	Joined map[protocol.ShardID]protocol.DirectoryID
	// Log is where the log continues the history.
	Log LogPosition
}

// LogPosition ties the history to one log. Whoever opens both compares them:
// another ID is another log; a log that begins after Keep, or ends before
// Forced, has lost records.
//
// Invariant: Keep and Forced never go back, and Keep is at most Forced+1.
type LogPosition struct {
	ID     [16]byte // which log
	Keep   uint64   // first sequence that a replay still needs
	Forced uint64   // highest sequence that was forced when this was written
}

func (m Meta) clone() Meta {
	joined := make(map[protocol.ShardID]protocol.DirectoryID, len(m.Joined))
	maps.Copy(joined, m.Joined)
	m.Joined = joined
	return m
}

// validate refuses what could not be read again, or makes no sense alone.
func (m Meta) validate() error {
	if m.Config.IsZero() {
		return fmt.Errorf("meta without a configuration: %w", ErrInvalid)
	}
	for s := range m.Joined {
		if int(s) >= m.Config.Shards() {
			return fmt.Errorf("shard %d has joined a cluster of %d shards: %w", s, m.Config.Shards(), ErrInvalid)
		}
	}
	if m.Log.Keep > m.Log.Forced && m.Log.Keep-m.Log.Forced > 1 {
		return fmt.Errorf("log is needed from sequence %d, but forced up to %d only: %w", m.Log.Keep, m.Log.Forced, ErrInvalid)
	}
	return nil
}

// checkFollows refuses a meta that forgets what last says.
func (m Meta) checkFollows(last Meta) error {
	if !m.Config.Equal(last.Config) {
		return fmt.Errorf("configuration of cluster %s in the history of cluster %s: %w", m.Config.Cluster, last.Config.Cluster, ErrForeign)
	}
	if m.Log.ID != last.Log.ID {
		return fmt.Errorf("log %x in a history that continues in log %x: %w", m.Log.ID, last.Log.ID, ErrForeign)
	}
	for s, d := range last.Joined {
		if now, ok := m.Joined[s]; !ok || now != d {
			return fmt.Errorf("shard %d is bound to data directory %s, not to %s: %w", s, d, now, ErrForeign)
		}
	}
	switch {
	case m.Epoch < last.Epoch:
		return fmt.Errorf("epoch %d after epoch %d: %w", m.Epoch, last.Epoch, ErrOrder)
	case m.Log.Keep < last.Log.Keep:
		return fmt.Errorf("log is needed from sequence %d, after %d: %w", m.Log.Keep, last.Log.Keep, ErrOrder)
	case m.Log.Forced < last.Log.Forced:
		return fmt.Errorf("log is forced up to sequence %d, after %d: %w", m.Log.Forced, last.Log.Forced, ErrOrder)
	}
	return nil
}
