package measure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	// probeBytes is what is appended before each sync of a probe.
	probeBytes = 4 << 10
	// mostProbes and probeTime end a probe, whichever comes first.
	mostProbes = 200
	probeTime  = 2 * time.Second
)

// Fsync measures what it takes to append 4 KiB to a file and sync it, in a file
// of its own in a directory, again and again for up to 2 s.
func Fsync(ctx context.Context, dir string) (p Percentiles, err error) {
	f, err := os.Create(filepath.Join(dir, "fsync-probe"))
	if err != nil {
		return p, fmt.Errorf("measure fsync: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	page := make([]byte, probeBytes)
	var times []time.Duration
	for began := time.Now(); len(times) < mostProbes && time.Since(began) < probeTime; {
		if ctx.Err() != nil {
			return p, context.Cause(ctx)
		}
		start := time.Now()
		if _, err := f.Write(page); err != nil {
			return p, fmt.Errorf("measure fsync: %w", err)
		}
		if err := f.Sync(); err != nil {
			return p, fmt.Errorf("measure fsync: %w", err)
		}
		times = append(times, time.Since(start))
	}
	return PercentilesOf(times), nil
}
