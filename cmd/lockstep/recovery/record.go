package recovery

import (
	"fmt"
	"strings"

	"github.com/lockstep-exec/lockstep/coordinator/replica"
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
	case *protocol.Resolved:
		r.Height, r.Text = rec.Height, fmt.Sprintf("block %q, %s by %q: %s", rec.Key, rec.Action, rec.By, rec.What)
	}
	return r
}

// itemOf describes a part of an entry of the replicated log.
func itemOf(f wal.Found, item replica.Item) Record {
	switch item := item.(type) {
	case protocol.Record:
		r := recordOf(f, item)
		r.Type = typeName(item.RecordType())
		return r
	case replica.Enrolled:
		return Record{Sequence: f.Seq, File: f.File, Offset: f.Offset, Bytes: f.Bytes, Type: "enrolled",
			Text: fmt.Sprintf("coordinator %s with directory %s", item.Name, item.Directory)}
	case replica.Needed:
		return Record{Sequence: f.Seq, File: f.File, Offset: f.Offset, Bytes: f.Bytes, Type: "needed", Height: item.Height,
			Text: "lower heights are on every shard"}
	}
	return recordOf(f, nil)
}

// entryOf describes an entry of the replicated log by what it holds. One that
// decides goes by its decision.
func entryOf(f wal.Found, entry replica.LogRecord) Record {
	r := Record{Sequence: f.Seq, File: f.File, Offset: f.Offset, Bytes: f.Bytes, Type: entry.Kind, Text: entry.Text}
	if len(entry.Items) == 1 {
		return itemOf(f, entry.Items[0])
	}
	var texts []string
	for _, item := range entry.Items {
		i := itemOf(f, item)
		texts = append(texts, i.Type+" "+i.Text)
		if r.Attempt == "" && i.Height > 0 || i.Attempt != "" {
			r.Type, r.Height, r.Attempt = i.Type, i.Height, i.Attempt
		}
	}
	if len(texts) > 0 {
		r.Text = strings.Join(texts, "; ")
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
	protocol.RecordResolved:  "resolved",
}
