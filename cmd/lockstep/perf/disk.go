package perf

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/measure"
	"github.com/lockstep-exec/lockstep/wal"
)

// Bounds of what Disk does.
const (
	forceBytes   = 4 << 10
	mostForces   = 1000
	forceTime    = 5 * time.Second
	pieceBytes   = 1 << 20
	pieceForce   = 16 // pieces between two forces
	mostPieces   = 128
	pieceTime    = 10 * time.Second
	diskBytes    = mostForces*2*forceBytes + mostPieces*pieceBytes
	leftForOther = 256 << 20 // free space that stays for whoever else uses the disk
)

// DiskResult is what a disk does.
type DiskResult struct {
	Directory  string              `json:"directory"`
	FileSystem string              `json:"file_system"`
	Volatile   bool                `json:"volatile"` // it forgets all at a loss of power
	FreeBytes  int64               `json:"free_bytes"`
	ForceMs    measure.Percentiles `json:"force_ms"` // appending 4 KiB to the log, and forcing it
	Forces     int                 `json:"forces"`
	// WriteMBps is what the log takes in large records, with a force every 16 MiB,
	// in millions of bytes a second.
	WriteMBps float64 `json:"write_mb_per_second"`
}

// Disk measures the disk of a directory, which must exist, with a log in a
// directory of its own below it, for up to 15 s and 150 MB. It removes what it made,
// also when ctx ends, and refuses if the space is short.
func Disk(ctx context.Context, dir string) (d DiskResult, err error) {
	machine := measure.ThisMachine(dir)
	d = DiskResult{Directory: dir, FileSystem: machine.FileSystem, Volatile: machine.Volatile()}
	if d.FreeBytes, err = wal.FreeBytes(dir); err != nil {
		return d, fmt.Errorf("look at the disk of %s, which must exist: %w", dir, err)
	}
	if d.FreeBytes < diskBytes+leftForOther {
		return d, fmt.Errorf("%s has %d MiB free, and measuring needs %d MiB, of which %d stay free: free some space, or measure elsewhere with --data",
			dir, d.FreeBytes>>20, int64(diskBytes+leftForOther)>>20, leftForOther>>20)
	}
	own, err := os.MkdirTemp(dir, "lockstep-check-perf-")
	if err != nil {
		return d, fmt.Errorf("make a directory to measure in: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(own)) }()
	if err := d.force(ctx, filepath.Join(own, "forces")); err != nil {
		return d, err
	}
	return d, d.write(ctx, filepath.Join(own, "writes"))
}

// force appends and forces, again and again.
func (d *DiskResult) force(ctx context.Context, dir string) error {
	var times []time.Duration
	data := make([]byte, forceBytes)
	err := withLog(dir, func(log *wal.Log) error {
		for began := time.Now(); len(times) < mostForces && time.Since(began) < forceTime; {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			start := time.Now()
			if err := appendForced(log, data, true); err != nil {
				return err
			}
			times = append(times, time.Since(start))
		}
		return nil
	})
	d.Forces, d.ForceMs = len(times), measure.PercentilesOf(times)
	return err
}

// write appends large records.
func (d *DiskResult) write(ctx context.Context, dir string) error {
	data := make([]byte, pieceBytes)
	for i := range data {
		data[i] = byte(i*i>>7 ^ i) // disks that pack what they store find nothing to pack in zeros but zeros
	}
	return withLog(dir, func(log *wal.Log) error {
		began, pieces := time.Now(), 0
		for pieces < mostPieces && time.Since(began) < pieceTime {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			pieces++
			if err := appendForced(log, data, pieces%pieceForce == 0); err != nil {
				return err
			}
		}
		if err := log.Sync(); err != nil {
			return fmt.Errorf("measure the disk: %w", err)
		}
		d.WriteMBps = float64(pieces*pieceBytes) / 1e6 / time.Since(began).Seconds()
		return nil
	})
}

func withLog(dir string, do func(*wal.Log) error) error {
	log, err := wal.Open(dir, wal.Options{})
	if err != nil {
		return fmt.Errorf("make a log to measure with: %w", err)
	}
	return errors.Join(do(log), log.Close())
}

func appendForced(log *wal.Log, data []byte, force bool) error {
	_, err := log.Append(wal.Record{Type: 1, Data: data})
	if err == nil && force {
		err = log.Sync()
	}
	if err != nil {
		return fmt.Errorf("measure the disk: %w", err)
	}
	return nil
}
