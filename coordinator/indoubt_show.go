package coordinator

import (
	"fmt"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// show gives all the evidence about a height. d is the decision there, if any.
func (s survey) show(h protocol.Height, d *protocol.Decision, at decisionAt) (*wirepb.ShowInDoubtResponse, error) {
	out := &wirepb.ShowInDoubtResponse{Epoch: uint64(s.status.Epoch), Height: uint64(s.height())}
	if d == nil && h <= s.height() { // decided since it was looked for
		d, _, _ = at(h)
	}
	pending := slices.IndexFunc(s.status.InFlight, func(b protocol.BlockStatus) bool { return b.Height == h })
	switch {
	case d != nil:
		out.Decision = wire.Block(d, false)
		if out.Block = s.decided(d); out.Block == nil {
			out.Block = settled(d)
		}
		out.Possibilities = ofDecided(d)
	case pending >= 0:
		b := s.status.InFlight[pending]
		out.Block = s.undecided(b)
		out.Possibilities = s.ofUndecided(b, out.Block)
	default:
		given, err := s.givenUp(h, at)
		if err != nil {
			return nil, err
		}
		if len(given) == 0 || given[0].Height != uint64(h) {
			return nil, status.Errorf(codes.NotFound, "nothing of height %d is under way or committed, and no shard that answers holds anything of it", h)
		}
		out.Block = given[0]
		out.Possibilities = []*wirepb.Possibility{{Name: "commit", Meaning: "the attempt was given up before it was decided"}}
	}
	for i := range s.words {
		out.Shards = append(out.Shards, s.evidence(i, h, d, pending))
	}
	return out, nil
}

// evidence gives what one shard has said and says.
func (s survey) evidence(i int, h protocol.Height, d *protocol.Decision, pending int) *wirepb.ShardEvidence {
	id, p := protocol.ShardID(i), s.status.Shards[i]
	e := &wirepb.ShardEvidence{Seen: wire.ShardStatus(s.status.CoordinatorStatus, id, s.now), Own: s.words[i].own, Silent: wire.Reason(s.words[i].silent)}
	if !p.Connected && !p.Away.IsZero() {
		away := uint64(max(0, s.now.Sub(p.Away)).Milliseconds())
		e.AwayMs = &away
	}
	switch {
	case d != nil:
		e.Voted, e.VotedDigest = true, d.Digests[i][:]
	case pending >= 0:
		if votes := s.status.InFlight[pending].Votes; i < len(votes) && votes[i] != nil {
			e.Voted, e.VotedDigest = true, votes[i].Digest[:]
		}
	}
	if e.Own != nil { // of this height alone
		only := &wirepb.ShardServiceListPreparedResponse{Status: e.Own.Status}
		for _, x := range e.Own.Prepared {
			if x.GetAttempt().GetHeight() == uint64(h) {
				only.Prepared = append(only.Prepared, x)
			}
		}
		e.Own = only
	}
	return e
}

// settled is a block of which nothing is in doubt.
func settled(d *protocol.Decision) *wirepb.InDoubt {
	return &wirepb.InDoubt{
		Height: uint64(d.Height()), Key: d.Key, BlockId: d.Block[:], Attempt: wire.Attempt(d.Attempt), Phase: wirepb.DoubtPhase_DOUBT_PHASE_DECIDED,
		ByItself: true, Reason: "nothing is in doubt: it is committed, and every shard that was heard of knows", Advice: "nothing",
	}
}

func ofDecided(d *protocol.Decision) []*wirepb.Possibility {
	const not = "the decision is durable, and nothing takes it back"
	return []*wirepb.Possibility{
		{Name: "commit", Possible: true, Meaning: fmt.Sprintf("decided as attempt %s: a shard that does not know it yet commits it as soon as it is told", d.Attempt)},
		{Name: "another attempt", Meaning: not},
		{Name: "withdrawal", Meaning: not},
	}
}

// ofUndecided says what can become of a block that is under way.
func (s survey) ofUndecided(b protocol.BlockStatus, seen *wirepb.InDoubt) []*wirepb.Possibility {
	commit := &wirepb.Possibility{Name: "commit", Possible: s.status.Ended == "" && !b.Attempt.IsZero()}
	told := fmt.Sprintf("every shard commits attempt %s with the digests that it voted with, and the clients that wait here (%d) are told committed", b.Attempt, b.Clients)
	switch {
	case b.Attempt.IsZero():
		commit.Meaning = "not before another attempt has begun, for which all shards must be connected"
	case len(seen.Missing) > 0:
		commit.Meaning = fmt.Sprintf("once %s voted yes too, which nobody can do in its place: %s", hasNot(seen.Missing), told)
	default:
		commit.Meaning = fmt.Sprintf("once height %d is decided: %s", b.Height-1, told)
	}
	above := 0
	for _, other := range s.status.InFlight {
		if other.Height > b.Height {
			above++
		}
	}
	retry := &wirepb.Possibility{Name: "another attempt", Possible: s.status.Ended == "",
		Meaning: fmt.Sprintf("shards drop attempt %s and those of the blocks above (%d), and run them again; clients wait on, nothing is lost", b.Attempt, above)}
	if b.Attempt.IsZero() {
		retry.Meaning = "it begins by itself, at most 2s after the last one was refused"
		if away := s.away(); len(away) > 0 {
			retry.Possible, retry.Meaning = false, fmt.Sprintf("none can begin before %s connected again", areBeing(away))
		}
	}
	withdraw := &wirepb.Possibility{Name: "withdrawal", Possible: s.status.Ended == "",
		Meaning: fmt.Sprintf("the block and those that come after it are given up, and the clients are told aborted; of the blocks above (%d), those that stay move down and run again", above)}
	return []*wirepb.Possibility{commit, retry, withdraw}
}
