package state

import (
	"math"
	"time"

	"go.etcd.io/bbolt"
)

// FileName is the name of the database in the data directory of a shard.
const FileName = "state.db"

// DefaultMapBytes is the default of Options.MapBytes.
const DefaultMapBytes = 64 << 30

// lockTimeout bounds how long Open waits for the lock of the file. bbolt would
// wait for ever by default.
const lockTimeout = time.Second

// Options of Open and Create. The zero value is right for production.
type Options struct {
	// ReadOnly opens without changing a byte of the file, and takes a shared
	// lock. Stage and Commit work, in memory; Flush is refused.
	ReadOnly bool
	// MapBytes is the address space reserved for the file, in bytes; 0 means
	// DefaultMapBytes. Only addresses are used up, no memory and no disk. When
	// the file outgrows it, bbolt maps it anew, for which the checkpoint waits
	// for open views, and new views wait for the checkpoint.
	MapBytes int64
	// Clock tells when heights were committed; nil means the system's clock.
	Clock Clock
}

func (o Options) clock() Clock {
	if o.Clock == nil {
		return SystemClock()
	}
	return o.Clock
}

// bolt gives the options of bbolt for a file of the given size. NoSync is not
// among them and never will be: it can lose the whole file.
func (o Options) bolt(fileBytes int64) *bbolt.Options {
	mapBytes := o.MapBytes
	if mapBytes <= 0 {
		mapBytes = DefaultMapBytes
	}
	// Room to grow fourfold before it must be mapped anew.
	mapBytes = min(max(mapBytes, 4*fileBytes), math.MaxInt/2)
	return &bbolt.Options{
		Timeout:         lockTimeout,
		FreelistType:    bbolt.FreelistMapType,
		NoFreelistSync:  false,
		InitialMmapSize: int(mapBytes),
		ReadOnly:        o.ReadOnly,
	}
}
