package sim

import (
	"errors"
	"slices"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/wal"
)

// voteBeforeForce: a sync that a Prepared record waits for does nothing.
func voteBeforeForce(_ *world, into *Wraps) {
	into.ShardLog = func(at Place, log executor.ReplayLog) executor.ReplayLog {
		return &unsyncedLog{ReplayLog: log, count: at.Count}
	}
}

type unsyncedLog struct {
	executor.ReplayLog
	count   func(string)
	waiting bool
}

func (l *unsyncedLog) Append(records ...wal.Record) (uint64, error) {
	l.waiting = slices.ContainsFunc(records, func(r wal.Record) bool { return protocol.RecordType(r.Type) == protocol.RecordPrepared })
	return l.ReplayLog.Append(records...)
}

func (l *unsyncedLog) Sync() error {
	if l.waiting {
		l.waiting = false
		l.count("planted")
		return nil
	}
	return l.ReplayLog.Sync()
}

// failedSyncIgnored: a shard goes on after a sync that failed.
func failedSyncIgnored(_ *world, into *Wraps) {
	into.ShardLog = func(at Place, log executor.ReplayLog) executor.ReplayLog { return carelessLog{log, at} }
}

type carelessLog struct {
	executor.ReplayLog
	at Place
}

func (l carelessLog) Sync() error {
	err := l.ReplayLog.Sync()
	if errors.Is(err, wal.ErrPoisoned) {
		l.at.Count("planted")
		return nil
	}
	return err
}

// trimBeforeCheckpoint: the log is trimmed to what is forced, whether a
// checkpoint has it or not.
func trimBeforeCheckpoint(_ *world, into *Wraps) {
	into.ShardLog = func(at Place, log executor.ReplayLog) executor.ReplayLog { return eagerLog{log, at} }
}

type eagerLog struct {
	executor.ReplayLog
	at Place
}

func (l eagerLog) Sync() error {
	if err := l.ReplayLog.Sync(); err != nil || l.at.Rand.IntN(4) > 0 {
		return err
	}
	l.at.Count("planted")
	if err := l.TrimFront(l.Last()); !errors.Is(err, wal.ErrNoSpace) {
		return err
	}
	return nil
}

// trimPastPrepared: a trim behind a checkpoint takes what is prepared above it
// along.
func trimPastPrepared(_ *world, into *Wraps) {
	into.ShardLog = func(at Place, log executor.ReplayLog) executor.ReplayLog { return farLog{log, at} }
}

type farLog struct {
	executor.ReplayLog
	at Place
}

func (l farLog) TrimFront(keep uint64) error {
	if keep <= l.Last() {
		l.at.Count("planted")
	}
	return l.ReplayLog.TrimFront(l.Last() + 1)
}

// lastRecordTorn: the last record of a log is taken for torn, although it was
// forced.
func lastRecordTorn(_ *world, into *Wraps) {
	into.ShardLog = func(at Place, log executor.ReplayLog) executor.ReplayLog { return shortLog{log, at} }
}

type shortLog struct {
	executor.ReplayLog
	at Place
}

func (l shortLog) Replay(from uint64, fn func(uint64, wal.Record) error) error {
	return l.ReplayLog.Replay(from, func(seq uint64, r wal.Record) error {
		if seq == l.Last() {
			l.at.Count("planted")
			return nil
		}
		return fn(seq, r)
	})
}

// replayKeepsAbove: a later Prepared record at a height does not erase what was
// prepared right above it.
func replayKeepsAbove(_ *world, into *Wraps) {
	into.ShardLog = func(at Place, log executor.ReplayLog) executor.ReplayLog { return crowdedLog{log, at} }
}

type crowdedLog struct {
	executor.ReplayLog
	at Place
}

func (l crowdedLog) Replay(from uint64, fn func(uint64, wal.Record) error) error {
	prepared := map[protocol.Height]wal.Record{}
	return l.ReplayLog.Replay(from, func(seq uint64, r wal.Record) error {
		if err := fn(seq, r); err != nil {
			return err
		}
		record, err := protocol.DecodeRecord(protocol.RecordType(r.Type), r.Data)
		p, ok := record.(*protocol.Prepared)
		if err != nil || !ok {
			return err
		}
		prepared[p.Attempt.Height] = r
		above, ok := prepared[p.Attempt.Height+1]
		if !ok {
			return nil
		}
		l.at.Count("planted")
		return fn(seq, above)
	})
}
