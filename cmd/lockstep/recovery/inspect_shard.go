package recovery

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/state"
)

// shardParts is the open directory of a stopped shard.
type shardParts = executor.Offline

// readShard reads what a start would bring back, or as much as can be read.
func (l *Look) readShard(i *inspection) error {
	o, err := executor.ReadOffline(l.Path)
	if err == nil {
		i.shard, i.close = o, o.Close
		l.fillShard(o)
		return nil
	}
	if err := l.damaged(err); err != nil {
		return err
	}
	return l.salvageShard(i.facts)
}

func (l *Look) fillShard(o *executor.Offline) {
	l.Complete = true
	l.fillCheckpoint(o.Checkpoint)
	l.Epoch = o.State.Epoch
	l.Cluster, l.Shards = o.State.Config.Cluster.String(), o.State.Config.Shards()
	l.fillCommitted(o.Committed())
	for _, p := range o.State.Prepared {
		l.InDoubt = append(l.InDoubt, inDoubtOf(p))
	}
}

func (l *Look) fillCheckpoint(cp state.Checkpoint) {
	id := uint32(cp.Shard)
	l.Shard, l.Directory, l.Epoch = &id, cp.Directory.String(), cp.Epoch
	l.Cluster, l.Shards = cp.Config.Cluster.String(), cp.Config.Shards()
	l.CheckpointedHeight = cp.Height()
	l.fillCommitted(cp.Committed)
}

func (l *Look) fillCommitted(c protocol.Committed) {
	l.Height, l.StateDigest, l.Root = c.Height(), c.Digest.String(), c.Root.String()
}

func inDoubtOf(p *protocol.Prepared) InDoubt {
	return InDoubt{
		Height: p.Attempt.Height, Epoch: p.Attempt.Epoch, Attempt: p.Attempt.Attempt, Digest: p.Digest.String(),
		Since: time.UnixMilli(int64(p.UnixMillis)).UTC(), Bytes: len(p.Writes) + len(p.Pushed),
	}
}

// salvageShard shows what can be read of a directory that a start refuses: the
// record of the last checkpoint, and the highest commit and what is prepared in
// the part of the log that can be read.
func (l *Look) salvageShard(facts logFacts) error {
	report, err := state.ScanDatabase(l.Path, nil)
	switch {
	case err == nil && report.Checkpoint.Directory != (protocol.DirectoryID{}):
		l.fillCheckpoint(report.Checkpoint)
	case errors.Is(err, fs.ErrNotExist), err == nil:
	default:
		if err := l.damaged(err); err != nil {
			return err
		}
	}
	l.salvageLog(facts)
	return nil
}

func (l *Look) salvageLog(facts logFacts) {
	if !facts.config.IsZero() {
		l.Cluster, l.Shards = facts.config.Cluster.String(), facts.config.Shards()
	}
	l.Epoch = max(l.Epoch, facts.epoch)
	if c := facts.highest; c != nil && c.Height() > l.Height {
		l.fillCommitted(*c)
	}
	for _, h := range slices.Sorted(maps.Keys(facts.prepared)) {
		if h > l.Height {
			l.InDoubt = append(l.InDoubt, facts.prepared[h])
		}
	}
}
