package report

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"

	"google.golang.org/protobuf/proto"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

// FuzzTables: whatever a server answers, it can be shown as a table and as JSON, and
// the table moves no cursor and sets no title: it has no control characters but the
// ends of its lines.
func FuzzTables(ff *testing.F) {
	f := fuzz.New(ff)
	hostile := "\x1b]0;owned\a\x00\r\u009b2J\u202e"
	seeds := []proto.Message{
		&wirepb.ClusterStatus{
			Cluster: make([]byte, 16), Epoch: 3, Height: 812, Root: make([]byte, 32),
			Shards: []*wirepb.ShardStatus{{Id: 1, State: wirepb.ShardState_SHARD_STATE_READY, Address: hostile, Reason: hostile,
				Prepared: []*wirepb.PreparedAttempt{{Height: 1}}}},
			InFlight: []*wirepb.InFlight{{Height: 813, Phase: hostile, WaitingFor: []uint32{1}, Key: hostile}},
		},
		&wirepb.ListInDoubtResponse{Blocks: []*wirepb.InDoubt{{Key: hostile, Attempt: &wirepb.AttemptID{Height: 1}}}},
		&wirepb.Block{Key: hostile, Height: 7, OutcomeCounts: []*wirepb.OutcomeCount{{Name: hostile, Count: 1}}},
		&wirepb.ShowInDoubtResponse{Block: &wirepb.InDoubt{Key: hostile, Reason: hostile, Advice: hostile}, Shards: []*wirepb.ShardEvidence{{Silent: hostile}},
			Possibilities: []*wirepb.Possibility{{Name: hostile, Meaning: hostile}}},
		&wirepb.ShardServiceListPreparedResponse{Status: &wirepb.ShardStatus{Reason: hostile}, Prepared: []*wirepb.PreparedEvidence{{}}},
		&wirepb.Block{Key: hostile},
		&wirepb.ListMembersResponse{Members: []*wirepb.CoordinatorStatus{{Name: hostile, Address: hostile, Reason: hostile}}},
	}
	for kind, m := range seeds {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(kind), b)
	}
	f.Bound(1<<12, 1<<20)
	f.Fuzz(func(t testing.TB, kind uint8, b []byte) {
		var out strings.Builder
		shown, err := show(&out, kind, b)
		if err != nil {
			return
		}
		if _, err := json.Marshal(shown); err != nil {
			t.Fatalf("%+v cannot be shown as JSON: %v", shown, err)
		}
		if at := strings.IndexFunc(out.String(), func(r rune) bool { return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) }); at >= 0 {
			t.Fatalf("%q", out.String())
		}
	})
}

// show writes the table of one of several answers. The error is that of protobuf.
func show(out *strings.Builder, kind uint8, b []byte) (shown any, err error) {
	switch kind % 7 {
	case 0:
		var m wirepb.ClusterStatus
		err = proto.Unmarshal(b, &m)
		c := ClusterOf(&m)
		_ = c.WriteTable(out) // a builder has no errors
		return c, err
	case 1:
		var m wirepb.ListInDoubtResponse
		err = proto.Unmarshal(b, &m)
		var d Doubts
		d.Add(&m, time.Second)
		_ = d.WriteTable(out)
		return d, err
	case 2:
		var m wirepb.Block
		err = proto.Unmarshal(b, &m)
		table, block := NewBlockTable(), BlockOf(&m)
		table.Add(block)
		_, _ = table.WriteTo(out)
		_ = block.WriteDetails(out)
		return block, err
	case 3:
		var m wirepb.ShowInDoubtResponse
		err = proto.Unmarshal(b, &m)
		d := DoubtOf(&m)
		_ = d.WriteDetails(out)
		return d, err
	case 4:
		var m wirepb.ShardServiceListPreparedResponse
		err = proto.Unmarshal(b, &m)
		p := PromisesOf(&m)
		_ = p.WriteTable(out)
		return p, err
	case 5:
		var m wirepb.Block
		err = proto.Unmarshal(b, &m)
		table, submitted := NewSubmittedTable(), SubmittedOf(m.GetKey(), "committed", m.GetKey(), 1, &m)
		table.Add(submitted)
		_, _ = table.WriteTo(out)
		return submitted, err
	default:
		var m wirepb.ListMembersResponse
		err = proto.Unmarshal(b, &m)
		all := Coordinators(MembersOf(m.GetMembers()))
		all.Write(out)
		return all, err
	}
}
