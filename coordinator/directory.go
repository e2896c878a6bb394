package coordinator

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/wal"
)

// LogDirectory is the name of the log's folder in the data directory.
const LogDirectory = "log"

// ErrMismatch is wrapped when history, log and command line do not belong
// together. Nothing was changed.
var ErrMismatch = errors.New("data directory refused")

func mismatch(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMismatch}, args...)...)
}

// logReserve is given up when the disk is full, so that a restart has room.
const logReserve = 16 << 20

// openFiles opens log and history, and checks that they belong together.
func (c *Coordinator) openFiles() error {
	dir := c.options.Directory
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	hasLog, err := exists(filepath.Join(dir, LogDirectory))
	if err != nil {
		return err
	}
	hasHistory, err := exists(filepath.Join(dir, history.FileName))
	if err != nil {
		return err
	}
	if hasHistory && !hasLog {
		return mismatch("%s holds a history but no log: the log held decisions that the history lacks; bring the folder %q back", dir, LogDirectory)
	}
	log, err := wal.Open(filepath.Join(dir, LogDirectory), wal.Options{ReserveBytes: logReserve, Forced: c.options.LogForced})
	if errors.Is(err, wal.ErrLocked) {
		return fmt.Errorf("another process uses the data directory %s: stop it, or give another --data: %w", dir, err)
	}
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	for _, r := range log.Repairs() {
		c.logger.Warn("mended the log", "what", r.String())
	}
	if c.log, err = newLocalLog(filepath.Join(dir, LogDirectory), log); err != nil {
		return errors.Join(err, log.Close())
	}
	if !hasHistory {
		if err := c.create(); err != nil {
			return err
		}
	}
	if c.history, err = history.Open(dir, history.Options{}); err != nil {
		return fmt.Errorf("open the history: %w", err)
	}
	return c.belongTogether()
}

func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// create makes a new cluster in an empty directory.
func (c *Coordinator) create() error {
	dir := c.options.Directory
	if c.log.First() <= c.log.Last() || c.log.First() > 1 {
		return mismatch("%s holds a log with records but no history: bring the file %s back", dir, history.FileName)
	}
	if c.options.Shards < 1 || c.options.Shards > protocol.MaxShards {
		return fmt.Errorf("a new cluster needs between 1 and %d shards, not %d: give --shards", protocol.MaxShards, c.options.Shards)
	}
	if err := c.options.Limits.Validate(); err != nil {
		return err
	}
	config := protocol.Config{Slots: protocol.EvenSlots(c.options.Shards), Limits: c.options.Limits}
	rand.Read(config.Cluster[:]) // never fails: it ends the process if the system has no randomness
	meta := history.Meta{Config: config, Log: history.LogPosition{ID: c.log.ID(), Keep: 1}}
	if err := history.Create(dir, meta, history.Options{}); err != nil {
		return fmt.Errorf("make the history: %w", err)
	}
	c.logger.Info("made a new cluster", "cluster", config.Cluster, "shards", config.Shards())
	return nil
}

func (c *Coordinator) belongTogether() error {
	ends := logEnds{id: c.log.ID(), first: c.log.First(), last: c.log.Last()}
	return belongTogether(c.options.Directory, c.options.Shards, c.history.Meta(), ends)
}

func (c *Coordinator) closeFiles() error {
	var errs []error
	if c.history != nil {
		errs = append(errs, c.history.Close())
	}
	if c.log != nil {
		if c.log.Err() == nil {
			errs = append(errs, c.log.Sync())
		}
		errs = append(errs, c.log.Close())
	}
	return errors.Join(errs...)
}
