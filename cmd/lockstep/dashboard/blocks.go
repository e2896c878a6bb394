package dashboard

import (
	"encoding/hex"
	"strings"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// mostBlocks is how many blocks the page lists at once.
const mostBlocks = 50

// pageBlock is one line of the list of blocks.
type pageBlock struct {
	Key          string            `json:"key"`
	Height       uint64            `json:"height"` // 0 if it has none
	End          string            `json:"end"`    // "", committed, aborted or rejected
	Transactions uint64            `json:"transactions"`
	Outcomes     map[string]uint64 `json:"outcomes"`
	TakenUnixMs  uint64            `json:"taken"`
	Attempts     uint32            `json:"attempts"`
	// Phases are how long it took, in microseconds; the last one goes on if the
	// block is under way.
	Phases []phase `json:"phases"`
	// DurationUs is from being taken up to its decision, or until now.
	DurationUs uint64 `json:"duration_us"`
}

// phase is a stretch in the life of a block.
type phase struct {
	Name   string `json:"name"` // queued, executing, voting, deciding or committing
	FromUs uint64 `json:"from_us"`
	ToUs   uint64 `json:"to_us"`
	GoesOn bool   `json:"goes_on,omitempty"`
}

func summaryOf(t *wirepb.Timeline) pageBlock {
	b := pageBlock{
		Key: t.GetKey(), Height: t.GetHeight(), End: endOf(t.GetEnd()), Transactions: t.GetTransactions(), Outcomes: map[string]uint64{},
		TakenUnixMs: t.GetTakenUnixMs(), Attempts: t.GetAttemptsTotal(), Phases: phasesOf(t), DurationUs: t.GetDecidedUs(),
	}
	if b.DurationUs == 0 {
		b.DurationUs = t.GetAgeUs()
	}
	for _, o := range t.GetOutcomeCounts() {
		b.Outcomes[o.GetName()] = o.GetCount()
	}
	return b
}

func endOf(e wirepb.TimelineEnd) string {
	if e == wirepb.TimelineEnd_TIMELINE_END_UNSPECIFIED {
		return ""
	}
	return strings.ToLower(strings.TrimPrefix(e.String(), "TIMELINE_END_"))
}

// phasesOf cuts the life of a block at what happened in its last attempt.
func phasesOf(t *wirepb.Timeline) []phase {
	cuts := []struct {
		name string
		to   uint64 // 0 if that has not happened
	}{
		{"queued", begun(t)}, {"executing", firstVote(t)}, {"voting", t.GetVotedUs()}, {"deciding", t.GetDecidedUs()}, {"committing", t.GetCommittedUs()},
	}
	phases, from := []phase{}, uint64(0)
	for _, cut := range cuts {
		switch {
		case cut.to > 0:
			phases = append(phases, phase{Name: cut.name, FromUs: from, ToUs: max(from, cut.to)})
			from = max(from, cut.to)
		case t.GetEnd() == wirepb.TimelineEnd_TIMELINE_END_ABORTED || t.GetEnd() == wirepb.TimelineEnd_TIMELINE_END_REJECTED:
			return append(phases, phase{Name: cut.name, FromUs: from, ToUs: max(from, t.GetDecidedUs())})
		default:
			return append(phases, phase{Name: cut.name, FromUs: from, ToUs: max(from, t.GetAgeUs()), GoesOn: true})
		}
	}
	return phases
}

// last is the newest attempt, which may be nil.
func last(t *wirepb.Timeline) *wirepb.AttemptTimeline {
	if n := len(t.GetAttempts()); n > 0 {
		return t.GetAttempts()[n-1]
	}
	return nil
}

// begun is when the live attempt began: a block whose attempt was given up waits.
func begun(t *wirepb.Timeline) uint64 {
	if a := last(t); a.GetGivenUpUs() == 0 || t.GetEnd() != wirepb.TimelineEnd_TIMELINE_END_UNSPECIFIED {
		return a.GetBeganUs()
	}
	return 0
}

func firstVote(t *wirepb.Timeline) uint64 {
	if votes := last(t).GetVotes(); len(votes) > 0 {
		return votes[0].GetAtUs()
	}
	return 0
}

// pageDetail is one block with everything that is known of it.
type pageDetail struct {
	Summary *pageBlock    `json:"summary"` // null if its timeline is not remembered
	Reason  string        `json:"reason"`  // why it was withdrawn
	Tries   []pageAttempt `json:"tries"`
	Block   *report.Block `json:"block"` // null if it is not committed
}

// pageAttempt is one attempt. Times are microseconds after the block was taken up.
type pageAttempt struct {
	Epoch     uint64     `json:"epoch"`
	Attempt   uint32     `json:"attempt"`
	BeganUs   uint64     `json:"began_us"`
	GivenUpUs uint64     `json:"given_up_us"` // 0 if it was not
	Reason    string     `json:"reason"`
	Votes     []pageVote `json:"votes"`
}

type pageVote struct {
	Shard    uint32 `json:"shard"`
	AtUs     uint64 `json:"at_us"`
	Prepared bool   `json:"prepared"`
	Digest   string `json:"digest"`
	Reason   string `json:"reason"`
}

// detailOf joins what the timeline and the history say; either may be nil.
func detailOf(t *wirepb.Timeline, b *wirepb.Block) pageDetail {
	d := pageDetail{Reason: t.GetReason(), Tries: []pageAttempt{}}
	if t != nil {
		s := summaryOf(t)
		d.Summary = &s
	}
	for _, a := range t.GetAttempts() {
		try := pageAttempt{Epoch: a.GetEpoch(), Attempt: a.GetAttempt(), BeganUs: a.GetBeganUs(), GivenUpUs: a.GetGivenUpUs(), Reason: a.GetReason(), Votes: []pageVote{}}
		for _, v := range a.GetVotes() {
			try.Votes = append(try.Votes, pageVote{Shard: v.GetShard(), AtUs: v.GetAtUs(), Prepared: v.GetPrepared(), Digest: hex.EncodeToString(v.GetDigest()), Reason: v.GetReason()})
		}
		d.Tries = append(d.Tries, try)
	}
	if b != nil {
		block := report.BlockOf(b)
		d.Block = &block
	}
	return d
}
