package raftlog

import (
	"fmt"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/wal"
)

// keepBuffer is the size in bytes up to which the buffer of records is kept.
const keepBuffer = 2 << 20

// StoreLog stores one entry, as StoreLogs does.
func (l *Log) StoreLog(entry *raft.Log) error { return l.StoreLogs([]*raft.Log{entry}) }

// StoreLogs stores entries with contiguous indexes that continue the log, or
// begin it if it is empty. An entry in the place of another replaces it and
// forgets all above. Everything is durable when StoreLogs returns nil. A crash
// before may keep the first few.
//
// ErrOrder, wal.ErrRecord (an entry longer than MaxEntryBytes) and
// wal.ErrNoSpace have changed nothing. The data is kept in the cache as it is:
// nobody may change it afterwards.
func (l *Log) StoreLogs(entries []*raft.Log) error {
	l.changes.Lock()
	defer l.changes.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	if err := l.checkOrder(entries); err != nil || len(entries) == 0 {
		return err
	}
	records, err := l.encode(entries)
	if err != nil {
		return err
	}
	first, err := l.wal.Append(records...)
	if err != nil {
		return l.refused("store entries", err)
	}
	if err := l.wal.Sync(); err != nil {
		return l.refused("store entries", err)
	}
	l.publish(entries, first)
	return nil
}

// checkOrder refuses entries that would leave a gap, or forget the front.
func (l *Log) checkOrder(entries []*raft.Log) error {
	for i, e := range entries {
		if want := entries[0].Index + uint64(i); e.Index != want {
			return fmt.Errorf("%w: entry %d stands where %d belongs", ErrOrder, e.Index, want)
		}
	}
	if len(entries) > 0 && !l.table.takes(entries[0].Index) {
		first, last := l.table.bounds()
		return fmt.Errorf("%w: entry %d does not continue entries %d to %d", ErrOrder, entries[0].Index, first, last)
	}
	return nil
}

// encode makes the records of entries, in the buffer of the log.
func (l *Log) encode(entries []*raft.Log) ([]wal.Record, error) {
	total := 0
	for _, e := range entries {
		if n := entryBytes(e); n > wal.MaxRecordBytes {
			return nil, fmt.Errorf("raft log: entry %d has %d bytes: %w", e.Index, n, wal.ErrRecord)
		}
		total += entryBytes(e)
	}
	buf := l.buf[:0]
	if cap(buf) < total {
		buf = make([]byte, 0, total)
	}
	records := make([]wal.Record, len(entries))
	for i, e := range entries {
		from := len(buf)
		buf = appendEntry(buf, e)
		records[i] = wal.Record{Type: entryRecord, Data: buf[from:]}
	}
	if l.buf = buf; cap(buf) > keepBuffer {
		l.buf = nil
	}
	return records, nil
}

// publish makes durable entries visible, of which the first has this sequence.
func (l *Log) publish(entries []*raft.Log, seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, e := range entries {
		l.table.put(e.Index, seq+uint64(i), entryBytes(e))
		l.cache.put(e)
	}
}
