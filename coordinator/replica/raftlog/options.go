package raftlog

import (
	"fmt"

	"github.com/lockstep-exec/lockstep/wal"
)

const (
	// DefaultCacheBytes is used where Options.CacheBytes is zero.
	DefaultCacheBytes = 16 << 20

	// DefaultTrimBytes is used where Options.TrimBytes is zero.
	DefaultTrimBytes = wal.DefaultSegmentBytes
)

// Options of Open. The zero value is good.
type Options struct {
	// Wal are the options of the log underneath. With a FloorBytes, StoreLogs
	// refuses with wal.ErrNoSpace before the disk is full.
	Wal wal.Options

	// CacheBytes bounds the newest entries that are kept in memory for GetLog.
	// Zero means DefaultCacheBytes.
	CacheBytes int64

	// TrimBytes is how much the removed entries at the front have to come to
	// before they are removed from the disk too, at the cost of copying up to
	// a segment. Zero means DefaultTrimBytes.
	TrimBytes int64
}

func (o Options) withDefaults() (Options, error) {
	if o.CacheBytes < 0 || o.TrimBytes < 0 {
		return o, fmt.Errorf("raft log: CacheBytes %d and TrimBytes %d must not be negative", o.CacheBytes, o.TrimBytes)
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = DefaultCacheBytes
	}
	if o.TrimBytes == 0 {
		o.TrimBytes = DefaultTrimBytes
	}
	return o, nil
}
