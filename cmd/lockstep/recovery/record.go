package recovery

import (
	"fmt"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/wal"
)

// recordOf describes a sound frame. rec is nil if its content is none.
func recordOf(f wal.Found, rec protocol.Record) Record {
	r := Record{Sequence: f.Seq, File: f.File, Offset: f.Offset, Bytes: f.Bytes, Type: typeName(protocol.RecordType(f.Record.Type))}
	switch rec := rec.(type) {
	case nil:
		r.Problem = "not a record of this release"
	case protocol.EpochSeen:
		r.Text = fmt.Sprintf("epoch %d", rec.Epoch)
	case protocol.EpochClaimed:
		r.Text = fmt.Sprintf("epoch %d", rec.Epoch)
	case protocol.Adopted:
		r.Text = "cluster " + rec.Config.Cluster.String()
	case protocol.Created:
		r.Text = "cluster " + rec.Config.Cluster.String()
	case protocol.Joined:
		r.Text = fmt.Sprintf("shard %d with directory %s", rec.Shard, rec.Directory)
	case *protocol.Prepared:
		r.of(rec.Attempt, "digest "+rec.Digest.String())
	case protocol.CommittedRecord:
		r.of(rec.Attempt, "digest "+rec.Digest.String())
	case *protocol.Decision:
		r.of(rec.Attempt, fmt.Sprintf("block %q", rec.Key))
	case *protocol.Proposed:
		r.Height, r.Text = rec.Height, fmt.Sprintf("block %q", rec.Key)
		if rec.After != "" {
			r.Text += fmt.Sprintf(", after block %q", rec.After)
		}
	case protocol.Withdrawn:
		r.Height, r.Text = rec.Height, fmt.Sprintf("block %q", rec.Key)
	}
	return r
}

func (r *Record) of(a protocol.AttemptID, text string) {
	r.Height, r.Attempt, r.Text = a.Height, a.String(), text
}

func typeName(t protocol.RecordType) string {
	if name, ok := typeNames[t]; ok {
		return name
	}
	return fmt.Sprintf("type %d", t)
}

var typeNames = map[protocol.RecordType]string{
	protocol.RecordEpochSeen: "epoch_seen",
	protocol.RecordAdopted:   "adopted",
	protocol.RecordPrepared:  "prepared",
	protocol.RecordCommitted: "committed",
	protocol.RecordCreated:   "created",
	protocol.RecordEpoch:     "epoch_claimed",
	protocol.RecordJoined:    "joined",
	protocol.RecordProposed:  "proposed",
	protocol.RecordWithdrawn: "withdrawn",
	protocol.RecordDecided:   "decided",
}
