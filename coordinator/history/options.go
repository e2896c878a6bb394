package history

import (
	"math"
	"time"

	"go.etcd.io/bbolt"
)

// FileName is the name of the history in the data directory of a coordinator.
const FileName = "history.db"

// DefaultMapBytes is used where Options.MapBytes is zero.
const DefaultMapBytes = 1 << 30

// lockTimeout bounds the wait for the lock on the file, which bbolt would
// otherwise wait for without end.
const lockTimeout = time.Second

// Options of Create and Open. The zero value is good.
type Options struct {
	// MapBytes is the address space that is set aside for the file, in bytes.
	// It costs neither memory nor disk. When the file grows beyond it, one
	// Append waits for the reads under way, and reads wait for that Append.
	// Zero means DefaultMapBytes; a large file gets more in any case.
	MapBytes int64

	// freeBytes stands in for the file system in tests.
	freeBytes func() (int64, error)
}

// bolt gives the options of bbolt for a file of the given size. NoSync, which
// can lose the whole file, is never among them.
func (o Options) bolt(fileBytes int64) *bbolt.Options {
	mapBytes := o.MapBytes
	if mapBytes <= 0 {
		mapBytes = DefaultMapBytes
	}
	// Enough for the file to double and double again.
	mapBytes = min(max(mapBytes, 4*fileBytes), math.MaxInt)
	return &bbolt.Options{
		Timeout:         lockTimeout,
		FreelistType:    bbolt.FreelistMapType,
		InitialMmapSize: int(mapBytes),
	}
}
