package executor

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/wal"
)

// ErrNotInDoubt is wrapped when a commit is not for the attempt that the shard
// holds prepared next, or not with its digest. Nothing was changed.
var ErrNotInDoubt = errors.New("not what this shard holds in doubt")

// Commit notes in the log that attempts in doubt are committed, as the shard
// does when its coordinator says so (rule S3), and forces it. The commits must
// be for State.Prepared from its beginning on, each with the same attempt and
// digest. The next start commits them; o itself stays as it was read.
//
// It opens the log as a start does, so it may mend what a start would mend, and
// tells what. Nobody can start the shard meanwhile: o holds the database.
func (o *Offline) Commit(dir string, commits []protocol.Committed) (mended []wal.Repair, err error) {
	records, err := o.commitRecords(commits)
	if err != nil || len(records) == 0 {
		return nil, err
	}
	log, err := wal.Open(filepath.Join(dir, LogDirectory), wal.Options{ReserveBytes: logReserve})
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	if log.ID() != o.Log.ID || log.Last() != o.Log.Last {
		return log.Repairs(), mismatch("the log in %s has changed since it was read: look again", dir)
	}
	if _, err := log.Append(records...); err != nil {
		return log.Repairs(), fmt.Errorf("append to the log: %w", err)
	}
	if err := log.Sync(); err != nil {
		return log.Repairs(), fmt.Errorf("force the log: %w", err)
	}
	return log.Repairs(), nil
}

func (o *Offline) commitRecords(commits []protocol.Committed) ([]wal.Record, error) {
	if len(commits) > len(o.State.Prepared) {
		return nil, fmt.Errorf("%d commits for %d attempts: %w", len(commits), len(o.State.Prepared), ErrNotInDoubt)
	}
	records := make([]wal.Record, len(commits))
	for i, c := range commits {
		if p := o.State.Prepared[i]; p.Attempt != c.Attempt || p.Digest != c.Digest {
			return nil, fmt.Errorf("attempt %s with digest %s, prepared is attempt %s with digest %s: %w",
				c.Attempt, c.Digest, p.Attempt, p.Digest, ErrNotInDoubt)
		}
		r := protocol.CommittedRecord{Committed: c}
		records[i] = wal.Record{Type: uint8(r.RecordType()), Data: protocol.EncodeRecord(r)}
	}
	return records, nil
}
