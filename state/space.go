package state

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/lockstep-exec/lockstep/protocol"
)

// spareBytes stays free when a checkpoint is begun: for the freelist and for
// what the estimate misses.
const spareBytes = 1 << 20

// checkSpace refuses (ErrNoSpace) to begin a checkpoint that the file system
// might not hold. A write that runs out of space half way would poison the
// store and stop the node; a checkpoint that is put off harms nobody, since
// its content is in the log.
func (db *database) checkSpace(writes []protocol.WriteOp) error {
	need := db.estimateBytes(writes)
	if need <= 0 {
		return nil
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(db.file.Fd()), &fs); err != nil {
		return nil // nothing known against it
	}
	free := int64(fs.Bavail) * int64(fs.Bsize) //nolint:G115 // no file system has that many blocks
	if free < need+spareBytes {
		return fmt.Errorf("%d bytes free, about %d needed: %w", free, need+spareBytes, ErrNoSpace)
	}
	return nil
}

// estimateBytes is an upper estimate of what a checkpoint adds to the file.
// bbolt copies every page that it changes, at most one leaf for each key (and
// a few branches above them), and fills pages half at worst. It takes free
// pages of the file first.
func (db *database) estimateBytes(writes []protocol.WriteOp) int64 {
	var content int64
	for _, w := range writes {
		content += int64(len(w.Key)+len(w.Value)) + sealBytes + pairOverhead
	}
	pageBytes := int64(db.Info().PageSize)
	free := int64(db.Stats().FreePageN) * pageBytes
	copied := min(int64(len(writes))*pageBytes, db.usedBytes()-free)
	return copied + copied/16 + 2*content - free
}

// pairOverhead is what bbolt stores with each pair of a leaf page, in bytes.
const pairOverhead = 16

// usedBytes is the size of the file up to its high water mark.
func (db *database) usedBytes() int64 {
	tx, err := db.Begin(false)
	if err != nil {
		return 0
	}
	defer tx.Rollback()
	return tx.Size()
}
