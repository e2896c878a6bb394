package coordinator

import (
	"os"
	"path/filepath"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/wal"
)

// Figures are how large the parts of a coordinator are at a moment, for metrics.
type Figures struct {
	InboxEvents   int   // wait to be handled; 0 while it does not lead
	DatabaseBytes int64 // of the history; -1 if it cannot be told
	FreeBytes     int64 // where the data directory is; -1 if it cannot be told
	MinFreeBytes  int64 // below which no block is taken up
	Fsyncs        int64 // of log, votes and history
	Obstructed    bool  // no block is taken up for want of space
}

// Figures measures the coordinator. It asks the file system, and waits for
// nothing else.
func (c *Coordinator) Figures() Figures {
	f := Figures{DatabaseBytes: -1, FreeBytes: -1, MinFreeBytes: max(0, c.options.MinFreeBytes), Fsyncs: c.Fsyncs()}
	if in := c.now.Load(); in != nil {
		f.InboxEvents = len(in.inbox)
		reason := c.obstructed.Load()
		f.Obstructed = reason != nil && *reason != ""
	}
	if file, err := os.Stat(filepath.Join(c.options.Directory, history.FileName)); err == nil {
		f.DatabaseBytes = file.Size()
	}
	if free, err := wal.FreeBytes(c.options.Directory); err == nil {
		f.FreeBytes = free
	}
	return f
}
