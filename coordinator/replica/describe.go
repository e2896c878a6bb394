package replica

import (
	"fmt"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/coordinator/replica/raftlog"
	"github.com/lockstep-exec/lockstep/wal"
)

// LogRecord is one record of the log of a member, for tools. Whether it counts,
// it does not tell.
type LogRecord struct {
	Kind  string // "entry", "cut", "configuration", "barrier" or "noop"
	Index uint64 // of the entry, or from which on entries are cut
	Term  uint64
	Mark  Mark   // of an entry
	Items []Item // of an entry
	Text  string // of anything else
}

// ReadRecord reads a record as it stands in the wal.
func ReadRecord(rec wal.Record) (LogRecord, error) {
	log, cut, err := raftlog.Parse(rec)
	switch {
	case err != nil:
		return LogRecord{}, err
	case log == nil:
		return LogRecord{Kind: "cut", Index: cut, Text: fmt.Sprintf("entries from %d on are forgotten", cut)}, nil
	}
	r := LogRecord{Index: log.Index, Term: log.Term}
	switch log.Type {
	case raft.LogCommand:
		e, err := DecodeEntry(log.Data)
		if err != nil {
			return r, fmt.Errorf("entry %d: %w", log.Index, err)
		}
		r.Kind, r.Mark, r.Items = "entry", e.At, e.Items
	case raft.LogConfiguration:
		r.Kind, r.Text = "configuration", fmt.Sprint(raft.DecodeConfiguration(log.Data).Servers)
	case raft.LogBarrier:
		r.Kind, r.Text = "barrier", fmt.Sprintf("term %d", log.Term)
	default:
		r.Kind, r.Text = "noop", fmt.Sprintf("term %d", log.Term)
	}
	return r, nil
}
