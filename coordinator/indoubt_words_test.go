package coordinator

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

var noon = time.UnixMilli(1_700_000_000_000)

// decisionOn makes a decision of a height, some time ago.
func decisionOn(h protocol.Height, ago time.Duration) *protocol.Decision {
	return &protocol.Decision{
		Attempt: protocol.AttemptID{Height: h, Epoch: 1, Attempt: 1}, Key: fmt.Sprint("block", h), Digests: make([]protocol.Digest, 3),
		UnixMillis: uint64(noon.Add(-ago).UnixMilli()),
	}
}

// surveyed is a cluster of three shards that has decided up to a height, all at the
// same time; every shard is connected and knows all of it.
func surveyed(decided protocol.Height, ago time.Duration) (survey, decisionAt) {
	s := survey{now: noon, status: &Status{}, words: make([]word, 3)}
	s.status.Decided = decisionOn(decided, ago)
	for i := range s.words {
		s.status.Shards = append(s.status.Shards, protocol.ShardStatus{Connected: true, Known: true, Committed: decided})
		s.words[i] = says(uint32(i), decided)
	}
	return s, func(h protocol.Height) (*protocol.Decision, bool, error) {
		return decisionOn(h, ago), h >= 1 && h <= decided, nil
	}
}

// says is what a shard answers that holds some attempts for a minute.
func says(shard uint32, committed protocol.Height, held ...protocol.AttemptID) word {
	own := &wirepb.ShardServiceListPreparedResponse{Status: &wirepb.ShardStatus{
		Id: shard, CommittedHeight: uint64(committed), State: wirepb.ShardState_SHARD_STATE_READY,
	}}
	for _, a := range held {
		own.Prepared = append(own.Prepared, &wirepb.PreparedEvidence{Attempt: wire.Attempt(a), AgeMs: 60_000})
	}
	return word{own: own}
}

func (s survey) without(shard int) survey {
	s.status.Shards[shard].Connected, s.status.Shards[shard].Away = false, noon.Add(-14*time.Second)
	return s
}

func one(t *testing.T, s survey, at decisionAt) *wirepb.InDoubt {
	t.Helper()
	all, err := s.blocks(0, 10, at)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d blocks in doubt: %v, %v", len(all), all, err)
	}
	return all[0]
}

func TestWhatWaitsForAVoteSaysForWhose(t *testing.T) {
	live := protocol.AttemptID{Height: 4, Epoch: 2, Attempt: 3}
	waits := func(phase protocol.Phase, missing ...protocol.ShardID) survey {
		s, _ := surveyed(3, time.Hour)
		b := protocol.BlockStatus{Height: 4, Attempt: live, Key: "k", Phase: phase, Missing: missing, Since: noon.Add(-20 * time.Second), UnderWay: noon.Add(-20 * time.Second), Votes: make([]*protocol.Vote, 3)}
		for i := range b.Votes {
			if !slices.Contains(missing, protocol.ShardID(i)) {
				b.Votes[i] = &protocol.Vote{Attempt: live, Yes: true}
			}
		}
		s.status.InFlight = []protocol.BlockStatus{b}
		return s
	}
	quarantined := waits(protocol.PhaseVoting, 2)
	quarantined.status.Shards[2].Quarantined = "damage"
	byOwnWord := waits(protocol.PhaseVoting, 2)
	byOwnWord.words[2].own.Status.State, byOwnWord.words[2].own.Status.Reason = wirepb.ShardState_SHARD_STATE_QUARANTINED, "damage"
	refused := waits(protocol.PhaseVoting, 2).without(2)
	refused.status.Shards[2].Rejected = &protocol.Reject{Kind: protocol.RejectLostData, Reason: "it lost data"}
	ended := waits(protocol.PhaseVoting, 2)
	ended.status.Ended = "quarantined: no"
	again := waits(protocol.PhaseWaiting)
	again.status.InFlight[0].Attempt, again.status.InFlight[0].Refusal = protocol.AttemptID{}, "shard 1 refuses attempt 4/2.2: full"
	for _, test := range []struct {
		s              survey
		reason, advice string
		byItself       bool
	}{
		{waits(protocol.PhaseVoting, 2), "vote of shard 2, connected and asked 20s ago", "indoubt resolve 4", true},
		{waits(protocol.PhaseVoting, 1, 2), "vote of shards [1 2]", "indoubt resolve 4", true},
		{waits(protocol.PhaseVoting, 1, 2).without(2), "shard 2 has not been connected for 14s", "bring shard 2 back", false},
		{quarantined, "shard 2 is quarantined (damage)", "#quarantine", false},
		{byOwnWord, "shard 2 is quarantined (damage)", "#quarantine", false},
		{refused, "shard 2 is refused (it lost data)", "indoubt resolve 4 --abort", false},
		{ended, "decides nothing more: quarantined: no", "docs/failures.md", false},
		{waits(protocol.PhaseDeciding), "waits for the height below it, 3", "that height", true},
		{waits(protocol.PhaseWaiting, 0, 1, 2).without(2), "no attempt can begin: shard 2 has not been connected for 14s", "bring shard 2 back", false},
		{again, "shard 1 refuses attempt 4/2.2: full", "by itself", true},
	} {
		_, at := surveyed(3, time.Hour)
		b := one(t, test.s, at)
		if !strings.Contains(b.Reason, test.reason) || !strings.Contains(b.Advice, test.advice) || b.ByItself != test.byItself || b.AgeMs != 20_000 {
			t.Errorf("want %q, %q, %t: %v", test.reason, test.advice, test.byItself, b)
		}
	}
}

func TestAShardsOwnWordCounts(t *testing.T) {
	s, at := surveyed(3, time.Hour)
	live := protocol.AttemptID{Height: 4, Epoch: 2, Attempt: 3}
	s.status.InFlight = []protocol.BlockStatus{{Height: 4, Attempt: live, Key: "k", Phase: protocol.PhaseExecuting, Since: noon, UnderWay: noon, Votes: make([]*protocol.Vote, 3)}}
	s.words[1] = says(1, 3, live)
	s = s.without(1)
	if b := one(t, s, at); !slices.Equal(b.Prepared, []uint32{1}) || !slices.Equal(b.Missing, []uint32{0, 1, 2}) || b.AgeMs != 60_000 {
		t.Errorf("got %v", b)
	}
}

func TestWhatIsDecidedAndNotKnown(t *testing.T) {
	s, at := surveyed(3, time.Hour)
	s = s.without(2)
	s.status.Shards[2].Committed, s.words[2] = 2, word{silent: "gone"}
	b := one(t, s, at)
	if b.Height != 3 || b.Phase != wirepb.DoubtPhase_DOUBT_PHASE_DECIDED || !slices.Equal(b.Missing, []uint32{2}) || b.ByItself ||
		!strings.Contains(b.Reason, "it is committed, and shard 2 has not been told") || !strings.Contains(b.Advice, "bring shard 2 back") {
		t.Errorf("got %v", b)
	}
	if u := s.unseen(); len(u) != 1 || !strings.Contains(u[0], "shard 2 was not asked what it holds: gone") {
		t.Errorf("unseen %v", u)
	}
	s.words[2] = says(2, 3) // it knows, and the coordinator does not know that yet
	if all, err := s.blocks(0, 10, at); err != nil || len(all) != 0 {
		t.Errorf("got %v, %v", all, err)
	}
	on, at := surveyed(3, onItsWay/2) // a Commit on its way is not in doubt
	on.status.Shards[2].Committed, on.words[2] = 2, says(2, 2)
	if all, err := on.blocks(0, 10, at); err != nil || len(all) != 0 {
		t.Errorf("got %v, %v", all, err)
	}
}

func TestWhatWasGivenUp(t *testing.T) {
	s, at := surveyed(3, time.Hour)
	s = s.without(2)
	old := protocol.AttemptID{Height: 5, Epoch: 1, Attempt: 9}
	s.words[2] = says(2, 3, decisionOn(3, 0).Attempt, old)
	b := one(t, s, at)
	if b.Height != 5 || b.Phase != wirepb.DoubtPhase_DOUBT_PHASE_GIVEN_UP || !slices.Equal(b.Prepared, []uint32{2}) ||
		!strings.Contains(b.Reason, "never commits, and shard 2 has not been told") {
		t.Errorf("got %v", b)
	}
}

// TestPagesOfWhatIsInDoubt: a shard that is far behind makes many pages, each of
// which costs what it holds.
func TestPagesOfWhatIsInDoubt(t *testing.T) {
	s, all := surveyed(5000, time.Hour)
	s = s.without(0)
	s.status.Shards[0].Committed, s.words[0] = 10, word{silent: "gone"}
	looked := 0
	at := func(h protocol.Height) (*protocol.Decision, bool, error) { looked++; return all(h) }
	found, err := s.blocks(0, 100, at)
	if err != nil || len(found) != 100 || found[0].Height != 11 || found[99].Height != 110 || looked != 100 {
		t.Fatalf("%d of %d, %v", len(found), looked, err)
	}
	found, err = s.blocks(4990, 100, at)
	if err != nil || len(found) != 11 || found[10].Height != 5000 {
		t.Fatalf("the last page has %d, %v", len(found), err)
	}
}

// TestPagesEndBetweenHeights: whoever goes on from the height that a page names
// misses nothing, and comes to an end.
func TestPagesEndBetweenHeights(t *testing.T) {
	for _, heights := range [][]uint64{{}, {1}, {1, 1, 1}, {1, 2, 2, 3}, {1, 1, 1, 2, 5, 5, 5, 5}, {4, 6, 8}} {
		for limit := 1; limit < 5; limit++ {
			var got []uint64
			for from, rounds := uint64(1), 0; from > 0; rounds++ {
				var all []*wirepb.InDoubt
				for _, h := range heights {
					if h >= from {
						all = append(all, &wirepb.InDoubt{Height: h})
					}
				}
				kept, next := page(all, limit)
				for _, b := range kept {
					got = append(got, b.Height)
				}
				if from = next; rounds > len(heights) {
					t.Fatalf("%v by %d does not end", heights, limit)
				}
			}
			if !slices.Equal(got, heights) && len(heights) > 0 {
				t.Errorf("%v by %d gives %v", heights, limit, got)
			}
		}
	}
}
