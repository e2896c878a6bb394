package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

func doubtful(height uint64, key string, ageMs uint64) *wirepb.InDoubt {
	return &wirepb.InDoubt{
		Height: height, Key: key, BlockId: bytes.Repeat([]byte{7}, 32), Attempt: &wirepb.AttemptID{Height: height, Epoch: 3, Attempt: 2},
		Phase: wirepb.DoubtPhase_DOUBT_PHASE_VOTING, Prepared: []uint32{0, 1}, Missing: []uint32{2}, AgeMs: ageMs,
		Reason: "it waits for\x1b[31m a vote", Advice: "bring shard 2 back", Evidence: []byte{1, 2},
	}
}

func TestDoubtsAreOldestFirst(t *testing.T) {
	var all Doubts
	all.Add(&wirepb.ListInDoubtResponse{Epoch: 3, Height: 10, Blocks: []*wirepb.InDoubt{doubtful(11, "old", 9000), doubtful(12, "young", 5)}}, time.Second)
	all.Add(&wirepb.ListInDoubtResponse{Epoch: 3, Height: 10, Blocks: []*wirepb.InDoubt{doubtful(13, "older", 90_000)}, Unseen: []string{"shard 2 was not asked"}}, time.Second)
	if len(all.Blocks) != 2 || all.Blocks[0].Block != "older" || all.Blocks[1].Block != "old" {
		t.Fatalf("listed %+v", all.Blocks)
	}
	var out strings.Builder
	if err := all.WriteTable(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"older", "3.2", "voting", "1m30s", "do: bring shard 2 back", "shard 2 was not asked"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Errorf("a terminal is given control characters:\n%q", out.String())
	}
}

// TestNeighboursThatWaitForTheSame are told of once.
func TestNeighboursThatWaitForTheSame(t *testing.T) {
	var page wirepb.ListInDoubtResponse
	for h, reason := range map[uint64]string{3: "away", 4: "away", 5: "slow", 7: "slow"} {
		page.Blocks = append(page.Blocks, &wirepb.InDoubt{Height: h, Reason: reason, Advice: "see to it", AgeMs: 100 - h})
	}
	var d Doubts
	d.Add(&page, 0)
	var out strings.Builder
	if err := d.WriteTable(&out); err != nil {
		t.Fatal(err)
	}
	if want := "\n3 to 4: away\n  do: see to it\n\n5: slow\n  do: see to it\n\n7: slow\n  do: see to it\n"; !strings.HasSuffix(out.String(), want) {
		t.Errorf("got\n%s\nwant at its end\n%s", out.String(), want)
	}
}

func TestNothingInDoubt(t *testing.T) {
	for what, d := range map[string]Doubts{
		"nothing is in doubt, as far as the coordinator and all shards know": {},
		"nothing is in doubt, as far as could be seen":                       {Unseen: []string{"shard 1 was not asked"}},
	} {
		var out strings.Builder
		if err := d.WriteTable(&out); err != nil || !strings.HasPrefix(out.String(), what) {
			t.Errorf("want %q: %q, %v", what, out.String(), err)
		}
	}
}

// TestDoubtIsToldInFull: JSON and text have what coordinator and shard say.
func TestDoubtIsToldInFull(t *testing.T) {
	away := uint64(14_000)
	d := DoubtOf(&wirepb.ShowInDoubtResponse{
		Block: doubtful(11, "k", 9000), Epoch: 3, Height: 10,
		Shards: []*wirepb.ShardEvidence{
			{Seen: &wirepb.ShardStatus{Id: 0, State: wirepb.ShardState_SHARD_STATE_READY}, Voted: true, VotedDigest: bytes.Repeat([]byte{0xab}, 32),
				Own: &wirepb.ShardServiceListPreparedResponse{Status: &wirepb.ShardStatus{}, Prepared: []*wirepb.PreparedEvidence{{
					Attempt: &wirepb.AttemptID{Height: 11, Epoch: 3, Attempt: 2}, LogSequence: 77, WritesBytes: 10, Transactions: 2, PreparedUnixMs: 1_700_000_000_000,
					OutcomeCounts: []*wirepb.OutcomeCount{{Name: "applied", Count: 2}},
				}}}},
			{Seen: &wirepb.ShardStatus{Id: 2, State: wirepb.ShardState_SHARD_STATE_DISCONNECTED}, AwayMs: &away, Silent: "it cannot be reached"},
		},
		Possibilities: []*wirepb.Possibility{{Name: "commit", Meaning: "once shard 2 has voted"}},
	})
	var out strings.Builder
	if err := d.WriteDetails(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"shard 0: ready", strings.Repeat("ab", 32), "record 77 of its log", "2 applied", "shard 2: disconnected for 14s", "it cannot be reached",
		"has no vote of it", "commit (not possible): once shard 2 has voted"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	text, err := json.Marshal(d)
	if err != nil || !bytes.Contains(text, []byte(`"log_sequence":77`)) || !bytes.Contains(text, []byte(`"away_ms":14000`)) || !bytes.Contains(text, []byte(`"evidence":"0102"`)) {
		t.Errorf("%s, %v", text, err)
	}
}
