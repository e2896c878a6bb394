package sim

import (
	"fmt"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/state"
	"github.com/lockstep-exec/lockstep/wal"
)

// disk is the log of a shard as an observer knows it, beneath every process
// that uses it. Records are kept as bytes, so every replay goes through the
// encodings. A real log in files can stand beside it; then both must agree.
type disk struct {
	shard   *shard
	id      wal.ID
	records []wal.Record // all that were written and not lost; records[i] has sequence i+1
	first   uint64       // sequence of the oldest that was not trimmed away
	durable uint64       // sequence up to which a crash takes nothing
	size    int64        // bytes of those that are not trimmed
	files   *files       // nil without a real log

	// known is what a restart would find of the durable records, if the
	// database held nothing: the product's own replay, over everything.
	known *protocol.ShardRecovery
	state protocol.ShardState // what known comes to
	// dropped are prepared attempts that a process has given up.
	dropped map[protocol.AttemptID]bool
}

func newDisk(s *shard) *disk {
	d := &disk{shard: s, first: 1, known: protocol.NewShardRecovery(protocol.Config{}, 0, protocol.Committed{}), dropped: map[protocol.AttemptID]bool{}}
	s.world.drawn.fill(d.id[:])
	return d
}

func (d *disk) last() uint64 { return uint64(len(d.records)) }

// write adds records that are not durable.
func (d *disk) write(records []wal.Record) {
	for _, r := range records {
		d.records = append(d.records, wal.Record{Type: r.Type, Data: append([]byte(nil), r.Data...)})
		d.size += int64(len(r.Data))
	}
}

// force makes durable what is there, and checks what comes of it.
func (d *disk) force() {
	if d.durable == d.last() {
		return
	}
	for _, raw := range d.records[d.durable:] {
		record, err := protocol.DecodeRecord(protocol.RecordType(raw.Type), raw.Data)
		if err == nil {
			err = d.known.Add(record)
		}
		if err != nil {
			d.shard.world.fail("6 determinism", "the durable log of shard %d does not replay: %v", d.shard.id, err)
		}
	}
	d.durable = d.last()
	state, err := d.known.Finish()
	if err != nil {
		d.shard.world.fail("6 determinism", "the durable log of shard %d does not replay: %v", d.shard.id, err)
	}
	d.state = state
	if d == d.shard.promised() {
		d.shard.world.checkDurable(d.shard)
	}
}

// cut is what a crash does: of the records that are not durable the first few
// survive.
func (d *disk) cut(keep int) {
	for _, r := range d.records[int(d.durable)+keep:] {
		d.size -= int64(len(r.Data))
	}
	d.records = d.records[:int(d.durable)+keep]
}

func (d *disk) unforced() int { return int(d.last() - d.durable) }

func (d *disk) trim(keep uint64) {
	for ; d.first < keep; d.first++ {
		d.size -= int64(len(d.records[d.first-1].Data))
	}
}

// prepared finds a durable Prepared record that a restart would come back
// with.
func (d *disk) prepared(a protocol.AttemptID) *protocol.Prepared {
	for _, p := range d.state.Prepared {
		if p.Attempt == a {
			return p
		}
	}
	return nil
}

// shardLog is what one process of a shard sees of its log.
type shardLog struct {
	process  *shardProcess
	disk     *disk
	poisoned error
	// forcing is called in the middle of a sync for a checkpoint: the shard's
	// loop goes on meanwhile.
	forcing func()
}

// Append implements executor.ReplayLog.
func (l *shardLog) Append(records ...wal.Record) (uint64, error) {
	if l.poisoned != nil {
		return 0, l.poisoned
	}
	p := l.process
	if p.blown() {
		l.write(records[:p.IntN(len(records)+1)])
		p.crashHere("in an append")
	}
	if p.failAppend {
		p.failAppend = false
		l.write(records[:p.IntN(len(records)+1)])
		return 0, l.poison("append")
	}
	first := l.disk.last() + 1
	l.write(records)
	p.operation("after an append")
	return first, nil
}

func (l *shardLog) write(records []wal.Record) {
	if f := l.disk.files; f != nil {
		f.append(records)
	}
	l.disk.write(records)
}

func (l *shardLog) poison(doing string) error {
	l.poisoned = fmt.Errorf("%w: %s: input/output error", wal.ErrPoisoned, doing)
	return l.poisoned
}

// Sync implements executor.ReplayLog.
func (l *shardLog) Sync() error {
	if l.poisoned != nil {
		return l.poisoned
	}
	p := l.process
	p.operation("before a sync")
	if l.forcing != nil {
		forcing := l.forcing
		l.forcing = nil
		forcing()
		if l.poisoned != nil {
			return l.poisoned
		}
	}
	if p.putOff && p.inCheckpoint {
		p.putOff = false
		p.world.count("checkpoints put off")
		l.force()
		return state.ErrNoSpace
	}
	if p.failSync {
		p.failSync = false
		return l.poison("sync")
	}
	l.force()
	p.operation("after a sync")
	return nil
}

func (l *shardLog) force() {
	if f := l.disk.files; f != nil {
		f.sync()
	}
	l.disk.force()
}

// Last implements executor.ReplayLog.
func (l *shardLog) Last() uint64 { return l.disk.last() }

// First implements executor.ReplayLog.
func (l *shardLog) First() uint64 { return l.disk.first }

// ID implements executor.ReplayLog.
func (l *shardLog) ID() wal.ID { return l.disk.id }

// SizeBytes implements executor.ReplayLog.
func (l *shardLog) SizeBytes() int64 { return l.disk.size }

// TrimFront implements executor.ReplayLog.
func (l *shardLog) TrimFront(keep uint64) error {
	p := l.process
	switch {
	case l.poisoned != nil:
		return l.poisoned
	case keep > l.disk.last()+1:
		return wal.ErrRange
	case keep <= l.disk.first:
		return nil
	}
	p.operation("before a trim")
	switch {
	case p.refuseTrim:
		p.refuseTrim = false
		return wal.ErrNoSpace
	case p.failTrim:
		p.failTrim = false
		p.world.count("trims failed")
		return l.poison("trim")
	}
	l.force()
	if f := l.disk.files; f != nil {
		f.trim(keep)
	}
	l.disk.trim(keep)
	p.world.count("trims")
	p.operation("after a trim")
	return nil
}

// Replay implements executor.ReplayLog.
func (l *shardLog) Replay(from uint64, fn func(seq uint64, r wal.Record) error) error {
	if from > l.disk.last()+1 {
		return wal.ErrRange
	}
	if f := l.disk.files; f != nil {
		return f.replay(from, fn)
	}
	for seq := max(from, l.disk.first); seq <= l.disk.last(); seq++ {
		r := l.disk.records[seq-1]
		if err := fn(seq, wal.Record{Type: r.Type, Data: append([]byte(nil), r.Data...)}); err != nil {
			return err
		}
	}
	return nil
}
