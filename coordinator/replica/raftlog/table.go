package raftlog

import (
	"slices"
	"sort"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/wal"
)

// table knows where in the wal each entry stands. Indexes are contiguous, and
// so are those of every front of them.
type table struct {
	first uint64 // index of rows[0]
	base  int64  // where rows[0] begins, in the bytes that rows count
	rows  []row  // Invariant: seq and end ascend
}

// row is one entry.
type row struct {
	seq uint64 // its sequence in the wal
	end int64  // bytes of the records up to this one, since some beginning
}

func (t *table) empty() bool { return len(t.rows) == 0 }

// bounds returns the first and last index, 0 and 0 if there are no entries.
func (t *table) bounds() (first, last uint64) {
	if t.empty() {
		return 0, 0
	}
	return t.first, t.first + uint64(len(t.rows)) - 1
}

func (t *table) holds(index uint64) bool {
	return index >= t.first && index-t.first < uint64(len(t.rows))
}

// takes reports whether an entry with this index may be stored: the next one,
// or one in the place of another.
func (t *table) takes(index uint64) bool {
	return index > 0 && (t.empty() || t.holds(index) || index == t.first+uint64(len(t.rows)))
}

// put adds an entry that takes. It forgets those at its index and above.
func (t *table) put(index, seq uint64, bytes int) {
	if t.empty() {
		*t = table{first: index}
	}
	t.cut(index)
	t.rows = append(t.rows, row{seq: seq, end: t.endOf(len(t.rows)) + int64(bytes)})
}

// cut forgets the entries from index on, which is first or above.
func (t *table) cut(index uint64) {
	if t.holds(index) {
		t.rows = t.rows[:index-t.first]
	}
}

// drop forgets the entries below keep, of which there is one at least, and
// returns how many bytes they have.
func (t *table) drop(keep uint64) (bytes int64) {
	gone := len(t.rows[:keep-t.first])
	end := t.endOf(gone)
	bytes = end - t.base
	t.first, t.base, t.rows = keep, end, slices.Clone(t.rows[gone:])
	return bytes
}

// endOf returns the end of the first n rows.
func (t *table) endOf(n int) int64 {
	if n == 0 {
		return t.base
	}
	return t.rows[n-1].end
}

// bytes is the length of all records.
func (t *table) bytes() int64 { return t.endOf(len(t.rows)) - t.base }

// bytesAbove is the length of the records of the entries above index.
func (t *table) bytesAbove(index uint64) int64 {
	if t.empty() || index < t.first {
		return t.bytes()
	}
	below := t.rows[:min(index-t.first+1, uint64(len(t.rows)))]
	return t.endOf(len(t.rows)) - t.endOf(len(below))
}

// newest returns how many of the newest entries have at most so many bytes.
func (t *table) newest(bytes int64) uint64 {
	total := t.endOf(len(t.rows))
	gone := sort.Search(len(t.rows), func(n int) bool { return total-t.endOf(n) <= bytes })
	return uint64(len(t.rows) - gone)
}

// replay takes a record as it was written. It returns the entry, which aliases
// the record; ok is false if it was a cut.
func (t *table) replay(seq uint64, rec wal.Record) (e raft.Log, ok bool, err error) {
	switch rec.Type {
	case entryRecord:
		e, err := decodeEntry(rec.Data)
		if err != nil {
			return e, false, err
		}
		if !t.takes(e.Index) {
			first, last := t.bounds()
			return e, false, damaged("record %d holds entry %d, behind entries %d to %d", seq, e.Index, first, last)
		}
		t.put(e.Index, seq, len(rec.Data))
		return e, true, nil
	case cutRecord:
		index, err := decodeCut(rec.Data)
		if err != nil {
			return e, false, err
		}
		if !t.holds(index) || index == t.first {
			first, last := t.bounds()
			return e, false, damaged("record %d cuts at entry %d, behind entries %d to %d", seq, index, first, last)
		}
		t.cut(index)
		return e, false, nil
	}
	return e, false, damaged("record %d has type %d, which no raft log has", seq, rec.Type)
}
