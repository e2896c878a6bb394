package executor

import (
	"os"
	"path/filepath"
	"time"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
	"github.com/lockstep-exec/lockstep/state"
	"github.com/lockstep-exec/lockstep/wal"
)

// measure gives the sizes of the data directory. What cannot be measured is left
// out: this is for people to look at, and fails nothing.
func (s *Shard) measure() *wirepb.Storage {
	out := &wirepb.Storage{LogBytes: uint64(max(0, s.storage.log.SizeBytes()))}
	if file, err := os.Stat(filepath.Join(s.options.Directory, state.FileName)); err == nil {
		out.DatabaseBytes = uint64(file.Size())
	}
	if free, err := wal.FreeBytes(s.options.Directory); err == nil {
		bytes := uint64(free)
		out.FreeBytes = &bytes
	}
	return out
}

// logForced counts a force of the log, and tells whoever else wants to know.
func (s *Shard) logForced(took time.Duration) {
	s.forces.Observe(took)
	if s.options.LogForced != nil {
		s.options.LogForced(took)
	}
}

// waited counts the wait of an execution for values, and tells whoever else wants
// to know.
func (s *Shard) waited(took time.Duration) {
	s.waits.Observe(took)
	if s.options.Watch.Waited != nil {
		s.options.Watch.Waited(took)
	}
}
