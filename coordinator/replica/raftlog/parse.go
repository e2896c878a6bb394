package raftlog

import (
	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/wal"
)

// Parse reads one record of the log, for tools: an entry, or, where that is nil,
// a cut, which forgets the entries from an index on. The entry may have been
// forgotten or replaced by later records; Scan knows.
func Parse(rec wal.Record) (entry *raft.Log, cut uint64, err error) {
	switch rec.Type {
	case entryRecord:
		e, err := decodeEntry(rec.Data)
		return &e, 0, err
	case cutRecord:
		cut, err = decodeCut(rec.Data)
		return nil, cut, err
	}
	return nil, 0, damaged("a record of type %d", rec.Type)
}
