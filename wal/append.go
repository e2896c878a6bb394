package wal

import (
	"fmt"
	"time"

	tidwall "github.com/tidwall/wal"
)

// keepBuffer is the size in bytes up to which buffers are kept for reuse.
const keepBuffer = 8 << 20

// Append writes records, which get the sequences first, first+1 and so on. On
// success they are written and not durable: a crash may leave all of them,
// none, or the first few. A caller that needs several to stand or fall
// together puts them into one record. Without records it does nothing and
// returns the sequence that the next one gets.
//
// An error that is not ErrPoisoned, such as ErrRecord or ErrNoSpace, leaves the
// log as it was. The data may be reused when Append has returned.
func (l *Log) Append(recs ...Record) (first uint64, err error) {
	var few [8]uint32
	sums, need, err := prepareRecords(recs, few[:0])
	if err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return 0, err
	}
	if err := l.checkFloor(need); err != nil {
		return 0, err
	}
	first = l.last.Load() + 1
	for len(recs) > 0 {
		n, err := l.appendRun(recs, sums)
		if err != nil {
			return 0, err
		}
		recs, sums = recs[n:], sums[n:]
	}
	l.shrinkBuffers()
	return first, nil
}

// prepareRecords does what needs no lock: it checks the records, and computes
// the sums of their bodies and the space they need, in bytes.
func prepareRecords(recs []Record, sums []uint32) ([]uint32, int64, error) {
	need := int64(0)
	for _, r := range recs {
		if r.Type == 0 {
			return nil, 0, fmt.Errorf("%w: its type is zero", ErrRecord)
		}
		if len(r.Data) > MaxRecordBytes {
			return nil, 0, fmt.Errorf("%w: %d bytes are more than %d", ErrRecord, len(r.Data), MaxRecordBytes)
		}
		sums = append(sums, checksum(r.Data))
		need += entryBytes(len(r.Data))
	}
	return sums, need, nil
}

// checkFloor refuses an append that would take the last of the free space.
func (l *Log) checkFloor(need int64) error {
	if l.opts.FloorBytes == 0 || need == 0 {
		return nil
	}
	free, err := FreeBytes(l.dir)
	if err != nil {
		return err
	}
	if free-need < l.opts.FloorBytes {
		return fmt.Errorf("%w: append needs %d bytes above a floor of %d, free are %d",
			ErrNoSpace, need, l.opts.FloorBytes, free)
	}
	return nil
}

// appendRun writes as many of the records as go into the current segment, in
// one system call, and returns their number. The record that fills a segment
// makes tidwall/wal force it and begin the next.
func (l *Log) appendRun(recs []Record, sums []uint32) (int, error) {
	l.batch.Clear()
	n, size := 0, l.tailSize
	for n < len(recs) && size < int64(l.opts.SegmentBytes) {
		l.batch.Write(l.last.Load()+1+uint64(n), l.encode(recs[n], sums[n], n))
		size += entryBytes(len(recs[n].Data))
		n++
	}
	if err := l.tw.WriteBatch(&l.batch); err != nil {
		return 0, l.fail("append", err)
	}
	l.size.Add(size - l.tailSize)
	l.tailSize = size
	l.last.Add(uint64(n))
	if size < int64(l.opts.SegmentBytes) {
		return n, nil
	}
	return n, l.segmentBegun()
}

// encode returns the frame of the record that is ahead places behind the next.
func (l *Log) encode(r Record, sum uint32, ahead int) []byte {
	h := header{
		typ:     r.Type,
		id:      l.id,
		seq:     l.last.Load() + 1 + uint64(ahead),
		durable: l.durable.Load(),
		length:  uint32(len(r.Data)),
		bodySum: sum,
	}
	l.frame = appendFrame(l.frame[:0], h, r.Data)
	return l.frame
}

// segmentBegun forces the name of the segment that was begun. tidwall/wal has
// forced the records of the one before. Only after this may anything be
// written to the new one: so a segment that is not the last is always durable,
// and a bad frame in it is damage.
func (l *Log) segmentBegun() error {
	l.fsyncs.Add(2) // with that of tidwall/wal
	if err := l.dirFile.Sync(); err != nil {
		return l.fail("sync log directory", err)
	}
	l.tailSize = 0
	l.segments.Add(1)
	return l.forced()
}

// Sync makes everything durable that was appended before. One Sync serves any
// number of appends, and costs nothing if there were none.
func (l *Log) Sync() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	return l.syncTail()
}

func (l *Log) syncTail() error {
	if l.durable.Load() == l.last.Load() {
		return nil
	}
	l.fsyncs.Add(1)
	began := time.Now()
	if err := l.tw.Sync(); err != nil {
		return l.fail("sync", err)
	}
	l.opts.Forced(time.Since(began))
	return l.forced()
}

// forced notes that all records are durable now. The mark is written after the
// fact and never forced by itself: it may be old, it cannot be wrong.
func (l *Log) forced() error {
	l.durable.Store(l.last.Load())
	return l.fail("write mark", l.mark.store(l.last.Load()))
}

// shrinkBuffers lets go of what a very large append made grow.
func (l *Log) shrinkBuffers() {
	if cap(l.frame) > keepBuffer {
		l.frame = nil
		l.batch = tidwall.Batch{}
	}
}
