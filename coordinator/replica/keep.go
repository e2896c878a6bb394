package replica

import (
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/protocol"
)

const (
	// keepInterval is how often new decisions go to the history: many in one
	// transaction cost hardly more than one.
	keepInterval = 200 * time.Millisecond
	// snapshotAgain is the wait after a snapshot that could not be made.
	snapshotAgain = 30 * time.Second
)

// keep moves decisions into the history until the replica closes, and makes
// snapshots when the log has grown.
func (r *Replica) keep() {
	tick := time.NewTicker(keepInterval)
	defer tick.Stop()
	for {
		select {
		case <-r.closing:
			return
		case <-r.failed:
			return
		case <-tick.C:
		}
		before, _ := r.machine.State()
		if err := r.keepOnce(); err != nil {
			_ = r.fail(err) // whoever waits finds it
			return
		}
		r.snapshotOnce(before.Height())
	}
}

// keepLast is the pass of a replica that closes in order, after the last entry of
// its own, so that the next start has less to do. What it cannot keep stays in the log.
func (r *Replica) keepLast() {
	if r.Err() != nil {
		return // the disk is not to be relied on
	}
	if err := r.keepOnce(); err != nil {
		r.logger.Warn("the last decisions are in the log and not in the history, the next start moves them", "error", err)
	}
}

// keepOnce is one pass of the keeper. A replica whose directory was moved or replaced
// must not go on: what it acknowledges would be nowhere.
func (r *Replica) keepOnce() error {
	if owned := r.stores.Owned; owned != nil {
		if err := r.disk.noted(owned); err != nil {
			return err
		}
	}
	if err := r.adoptCluster(); err != nil {
		return err
	}
	if r.history.now() == nil {
		return nil
	}
	r.keeping.Lock()
	defer r.keeping.Unlock()
	return r.machine.Keep(watchedKeeping{r.history, &r.disk})
}

// adoptCluster makes the history when the log has said of which cluster it is,
// and refuses one of another cluster.
func (r *Replica) adoptCluster() error {
	s, _ := r.machine.State()
	if s.Config.IsZero() {
		return nil
	}
	r.keeping.Lock()
	defer r.keeping.Unlock()
	if h := r.history.now(); h != nil {
		if config := h.Meta().Config; !config.Equal(s.Config) {
			return mismatch("the log is of cluster %s, the history of cluster %s: bring back the one that goes with the other", s.Config.Cluster, config.Cluster)
		}
		return nil
	}
	dir := r.options.Directory
	err := history.Create(dir, history.Meta{Config: s.Config, Log: history.LogPosition{ID: s.Config.Cluster, Keep: 1}}, history.Options{})
	if err != nil {
		return fmt.Errorf("make the history: %w", err)
	}
	h, err := history.Open(dir, history.Options{})
	if err != nil {
		return fmt.Errorf("open the history: %w", err)
	}
	r.history.set(h)
	return nil
}

// snapshotOnce makes a snapshot if there is reason to, so that the log can be
// trimmed. It waits until the history holds the decisions up to a height, which keeps
// snapshots small.
func (r *Replica) snapshotOnce(height protocol.Height) {
	s, _ := r.machine.State()
	if r.machine.sinceSnapshot() < r.options.SnapshotBytes || len(s.Recent) > 0 && s.Recent[0].Height() <= height || time.Now().Before(r.snapshotAfter) {
		return
	}
	if err := r.Snapshot(); err != nil && !errors.Is(err, raft.ErrNothingNewToSnapshot) {
		r.snapshotAfter = time.Now().Add(snapshotAgain) // each try may fill the disk for a moment
		r.snapshots.Warn("no snapshot could be made, the log grows, trying again: see to the disk", "error", err)
		return
	}
	r.snapshots.Over("snapshots are made again")
}

// Snapshot makes a snapshot, and trims the log behind it.
func (r *Replica) Snapshot() error {
	if r.stores.Trailing != nil {
		c := r.raft.ReloadableConfig()
		c.TrailingLogs = r.stores.Trailing(r.options.TrailingBytes)
		if err := r.raft.ReloadConfig(c); err != nil {
			return err
		}
	}
	since := r.machine.sinceSnapshot()
	if err := r.raft.Snapshot().Error(); err != nil {
		return err // all of them still make the log long
	}
	r.machine.snapshotted(since)
	return nil
}
