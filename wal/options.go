package wal

import (
	"fmt"
	"time"
)

const (
	// MaxRecordBytes bounds Record.Data, when writing and when reading. It is
	// part of the format: a log with a longer record does not open.
	MaxRecordBytes = 128 << 20

	// DefaultSegmentBytes is used where Options.SegmentBytes is zero.
	DefaultSegmentBytes = 4 << 20

	// maxSegmentBytes bounds Options.SegmentBytes, and with MaxRecordBytes the
	// size of a file that Open is willing to read into memory.
	maxSegmentBytes = 1 << 30

	dirPerms  = 0o700
	filePerms = 0o600
)

// Options of Open. The zero value is good.
type Options struct {
	// SegmentBytes is the size at which a segment file is closed and the next
	// one begun; a segment is longer than that by at most one record. The last
	// segment and two more stay in memory, and TrimFront rewrites up to one
	// segment, so keep it small. Zero means DefaultSegmentBytes. It may differ
	// from one Open to the next.
	SegmentBytes int

	// ReserveBytes is the size of a file of zeros that is kept beside the
	// segments and given up when the disk is full, so that the restart which
	// follows has room to mend, checkpoint and trim. Zero means none. It helps
	// if it covers a segment and the largest record.
	ReserveBytes int64

	// FloorBytes is the free space of the file system below which Append
	// refuses with ErrNoSpace instead of running into a full disk, which would
	// poison the log. Zero means no check.
	FloorBytes int64

	// Forced is told how long each force of the last segment took that a Sync
	// made; nil if nobody wants to know. The log is held meanwhile.
	Forced func(time.Duration)
}

func (o Options) withDefaults() (Options, error) {
	if o.SegmentBytes == 0 {
		o.SegmentBytes = DefaultSegmentBytes
	}
	if o.SegmentBytes < 1 || o.SegmentBytes > maxSegmentBytes {
		return o, fmt.Errorf("wal: SegmentBytes %d is not between 1 and %d", o.SegmentBytes, maxSegmentBytes)
	}
	if o.ReserveBytes < 0 || o.FloorBytes < 0 {
		return o, fmt.Errorf("wal: ReserveBytes %d and FloorBytes %d must not be negative", o.ReserveBytes, o.FloorBytes)
	}
	if o.Forced == nil {
		o.Forced = func(time.Duration) {}
	}
	return o, nil
}
