package state

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/state/boltfile"
)

// Pair is a pair as it stands in the database.
type Pair struct {
	Key    []byte
	Value  []byte // nil if damaged
	Damage error  // *DamageError, or nil if the pair is sound
}

// Report is what ScanDatabase found.
type Report struct {
	Checkpoint Checkpoint      // zero if the meta record is damaged
	Pairs      uint64          // pairs that are sound
	Bytes      uint64          // bytes of their keys and values
	Digest     protocol.Digest // state digest, recomputed from them
	Damage     []error         // the first maxFindings findings, each a *DamageError
	Findings   uint64          // how many there are
}

// maxFindings bounds Report.Damage.
const maxFindings = 1000

// Err is nil if nothing is damaged, and otherwise an error that joins the
// findings.
func (r *Report) Err() error { return errors.Join(r.Damage...) }

func (r *Report) add(damage error) {
	r.Findings++
	if len(r.Damage) < maxFindings {
		r.Damage = append(r.Damage, damage)
	}
}

// ScanDatabase reads the database of a stopped shard, changing nothing, and
// verifies all that can be verified: page structure, meta record, every pair,
// and the state digest against the recorded one. It calls fn, unless that is
// nil, with every pair, ascending by key in so far as the pages are in order;
// key and value are valid until fn returns. It goes on past damage, of pairs
// and of whole pages. bbolt is not used, so that nothing can lead it astray.
//
// Damage is in the report. The error is about anything else: ErrNotExist,
// ErrLocked, ErrFormat, an error of fn.
func ScanDatabase(dir string, fn func(Pair) error) (*Report, error) {
	path := filepath.Join(dir, FileName)
	report, err := scanFile(path, fn)
	if err != nil {
		return nil, fmt.Errorf("scan %s: %w", path, err)
	}
	return report, nil
}

func scanFile(path string, fn func(Pair) error) (*Report, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotExist
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	err = unix.Flock(int(file.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, ErrLocked
	}
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	v := verification{fn: fn, report: &Report{}}
	if err := v.run(file); err != nil {
		return nil, err
	}
	return v.report, nil
}

// verification is a boltfile.Visitor that fills a report.
type verification struct {
	fn      func(Pair) error
	report  *Report
	sum     protocol.Sum
	buckets int  // of the two that there should be
	meta    bool // the meta record is sound
}

func (v *verification) run(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	bolt, err := boltfile.Open(file, info.Size())
	if err != nil {
		v.report.add(&DamageError{What: "file", Err: err})
		return nil
	}
	if err := bolt.Walk(v); err != nil {
		return err
	}
	v.conclude()
	return nil
}

// conclude draws up what only the whole file shows.
func (v *verification) conclude() {
	if v.buckets != 2 {
		v.report.add(&DamageError{What: "bucket is missing: not a state database"})
	}
	v.report.Digest = v.sum.Digest()
	switch want := v.report.Checkpoint.Committed.Digest; {
	case !v.meta:
		v.report.add(&DamageError{What: "no sound meta record"})
	case v.report.Digest != want:
		v.report.add(&DamageError{What: fmt.Sprintf("state digest is %v, recorded is %v", v.report.Digest, want)})
	}
}

// Finding takes a finding about the page structure.
func (v *verification) Finding(f boltfile.Finding) {
	v.report.add(&DamageError{What: f.String()})
}

// Bucket notes a bucket.
func (v *verification) Bucket(name []byte) {
	if bytes.Equal(name, metaBucket) || bytes.Equal(name, pairsBucket) {
		v.buckets++
	} else {
		v.report.add(&DamageError{What: fmt.Sprintf("foreign bucket %q", name)})
	}
}

// Pair takes a stored pair of any bucket.
func (v *verification) Pair(bucket, key, stored []byte) error {
	value, damage := unseal(key, stored)
	if damage != nil {
		v.report.add(damage)
	}
	switch {
	case bytes.Equal(bucket, pairsBucket):
		return v.pair(key, value, damage)
	case bytes.Equal(bucket, metaBucket) && bytes.Equal(key, checkpointKey) && damage == nil:
		return v.checkpoint(value)
	}
	return nil
}

func (v *verification) checkpoint(record []byte) error {
	cp, err := decodeCheckpoint(record)
	if errors.Is(err, ErrDamaged) {
		v.report.add(err)
		return nil
	}
	v.report.Checkpoint, v.meta = cp, err == nil
	return err
}

func (v *verification) pair(key, value []byte, damage error) error {
	if damage == nil {
		v.report.Pairs++
		v.report.Bytes += uint64(len(key) + len(value))
		v.sum = v.sum.Add(protocol.PairSum(key, value))
	}
	if v.fn == nil {
		return nil
	}
	return v.fn(Pair{Key: key, Value: value, Damage: damage})
}
