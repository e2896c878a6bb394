package coordinator

import (
	"os"
	"path/filepath"
	"time"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/coordinator/members"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
	"github.com/lockstep-exec/lockstep/wal"
)

// Entry is the cluster at a glance, as this coordinator sees it.
func (c *Coordinator) Entry() *wirepb.ClusterStatus {
	in := c.now.Load()
	now := c.statusOf(in)
	at := time.Now()
	out := wire.ClusterStatus(now.CoordinatorStatus, at)
	out.Quarantined = now.Ended
	out.Fsyncs = uint64(c.Fsyncs())
	out.Storage = c.storage()
	out.Security = c.options.Identity.Message(c.options.Insecure)
	if reason := c.obstructed.Load(); reason != nil {
		out.Obstructed = *reason
	}
	group := c.replica.Status()
	out.Leader, out.Term, out.Coordinators = group.Leader.Name, group.Term, members.Known(group)
	if in != nil {
		in.describe(out, now, at)
	}
	return out
}

// describe adds what only the coordinator knows that leads.
func (in *incarnation) describe(out *wirepb.ClusterStatus, now *Status, at time.Time) {
	out.Activity = in.timelines.Activity()
	out.Activity.Forces = in.coordinator.forces.Message()
	for id, shard := range now.Shards {
		if !shard.Connected && !shard.Away.IsZero() {
			out.Shards[id].AwayMs = uint64(max(1, at.Sub(shard.Away).Milliseconds()))
		}
		out.Shards[id].Report = in.reports.of(id)
	}
}

// storage measures the data directory. What cannot be measured is left out: this
// is for people to look at, and fails nothing.
func (c *Coordinator) storage() *wirepb.Storage {
	out := &wirepb.Storage{LogBytes: uint64(max(0, c.replica.LogBytes()))}
	if file, err := os.Stat(filepath.Join(c.options.Directory, history.FileName)); err == nil {
		out.DatabaseBytes = uint64(file.Size())
	}
	if free, err := wal.FreeBytes(c.options.Directory); err == nil {
		bytes := uint64(free)
		out.FreeBytes = &bytes
	}
	return out
}

// logForced counts a force of the log, and tells whoever else wants to know.
func (c *Coordinator) logForced(took time.Duration) {
	c.forces.Observe(took)
	if c.options.LogForced != nil {
		c.options.LogForced(took)
	}
}
