package wal

import (
	"bytes"
	"fmt"
)

// Replay hands out the records from the given sequence on, in order, up to the
// one that was last when it began. From below First it starts at First; beyond
// Last()+1 it is ErrRange, because a caller that knows of such a record has
// lost it. An error of fn ends the replay and is returned as it is.
//
// fn owns the data it gets, and may use the log: no lock is held meanwhile.
// Records that are trimmed away during a replay are ErrRange. Every record is
// checked again as it is read.
func (l *Log) Replay(from uint64, fn func(seq uint64, rec Record) error) error {
	l.mu.Lock()
	first, last, err := l.first.Load(), l.last.Load(), l.usable()
	l.mu.Unlock()
	if err != nil {
		return err
	}
	if from > last+1 {
		return fmt.Errorf("%w: replay from %d, the last is %d", ErrRange, from, last)
	}
	for seq := max(from, first); seq <= last; seq++ {
		rec, err := l.read(seq)
		if err != nil {
			return err
		}
		if err := fn(seq, rec); err != nil {
			return err
		}
	}
	return nil
}

// Read returns one record, checked again as it is read. Below First and beyond
// Last it is ErrRange. The caller owns the data. It waits while a Sync holds
// the log.
func (l *Log) Read(seq uint64) (Record, error) { return l.read(seq) }

// read returns a copy of one record.
func (l *Log) read(seq uint64) (Record, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return Record{}, err
	}
	if first := l.first.Load(); seq < first {
		return Record{}, fmt.Errorf("%w: record %d was trimmed, the first is %d", ErrRange, seq, first)
	}
	if last := l.last.Load(); seq > last {
		return Record{}, fmt.Errorf("%w: read of record %d, the last is %d", ErrRange, seq, last)
	}
	data, err := l.readFrame(seq)
	if err != nil {
		return Record{}, fmt.Errorf("read record: %w", err)
	}
	h, body, err := decodeFrame(data)
	if err == nil && (h.id != l.id || h.seq != seq) {
		err = errSequence
	}
	if err != nil {
		return Record{}, l.damagedRecord(seq, err.Error())
	}
	return Record{Type: h.typ, Data: bytes.Clone(body)}, nil
}

// readFrame reads through tidwall/wal, which panics when a file shrank since
// it was opened.
func (l *Log) readFrame(seq uint64) (data []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = l.damagedRecord(seq, fmt.Sprintf("the file changed under the open log: %v", r))
		}
	}()
	return l.tw.Read(seq)
}

// damagedRecord describes damage that appeared after Open had verified all.
func (l *Log) damagedRecord(seq uint64, reason string) error {
	name := "(unknown)"
	if files, err := list(l.dir); err == nil {
		name = files.holding(seq).name
	}
	return &DamageError{Segment: name, Seq: seq, Reason: reason}
}
