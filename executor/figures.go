package executor

import (
	"os"
	"path/filepath"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
	"github.com/lockstep-exec/lockstep/state"
	"github.com/lockstep-exec/lockstep/wal"
)

// Figures are how large the parts of a shard are at a moment, for metrics.
type Figures struct {
	InboxEvents   int // wait to be handled
	LogBytes      int64
	DatabaseBytes int64 // -1 if it cannot be told
	FreeBytes     int64 // where the data directory is; -1 if it cannot be told
	MinFreeBytes  int64 // below which the shard refuses to prepare
	Fsyncs        int64 // of log and database
	Store         state.Stats
	Traffic       Traffic
	HeldBytes     int // kept for peers
	AbsentPeers   int // peers without a stream to this shard
}

// Figures measures the shard. It asks the file system, and waits for nothing
// else.
func (s *Shard) Figures() Figures {
	f := Figures{
		InboxEvents: len(s.inbox), LogBytes: s.storage.log.SizeBytes(), DatabaseBytes: -1, FreeBytes: -1,
		MinFreeBytes: max(0, s.options.MinFreeBytes), Fsyncs: s.Fsyncs(), Store: s.storage.store.Stats(),
		Traffic: s.exchange.Traffic(), HeldBytes: s.exchange.Bytes(), AbsentPeers: len(s.exchange.Absent()),
	}
	if file, err := os.Stat(filepath.Join(s.options.Directory, state.FileName)); err == nil {
		f.DatabaseBytes = file.Size()
	}
	if free, err := wal.FreeBytes(s.options.Directory); err == nil {
		f.FreeBytes = free
	}
	return f
}

// State says how the shard is, as its entry of the cluster's status does.
func (s *Shard) State() wirepb.ShardState {
	state, _ := s.describe(s.core.Status())
	return state
}
