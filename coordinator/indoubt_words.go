package coordinator

import (
	"fmt"
	"strings"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// What stands in these sentences is for people; programs go by the phase.

// trouble says why a shard cannot vote or be told now, or "".
func (s survey) trouble(i int) string {
	p := s.status.Shards[i]
	own := s.words[i].own.GetStatus()
	switch {
	case p.Quarantined != "":
		return fmt.Sprintf("shard %d is quarantined (%s)", i, p.Quarantined)
	case p.Rejected != nil && !p.Connected:
		return fmt.Sprintf("shard %d is refused (%s)", i, p.Rejected.Reason)
	case own.GetState() == wirepb.ShardState_SHARD_STATE_QUARANTINED:
		return fmt.Sprintf("shard %d is quarantined (%s)", i, own.GetReason())
	case !p.Connected && p.Away.IsZero():
		return fmt.Sprintf("shard %d is not connected", i)
	case !p.Connected:
		return fmt.Sprintf("shard %d has not been connected for %s", i, s.since(p.Away))
	}
	return ""
}

// needsPerson reports whether a shard does not come back by itself.
func (s survey) needsPerson(i int) bool {
	p := s.status.Shards[i]
	return p.Quarantined != "" || p.Rejected != nil && !p.Connected ||
		s.words[i].own.GetStatus().GetState() == wirepb.ShardState_SHARD_STATE_QUARANTINED
}

// away lists the shards without a session.
func (s survey) away() (shards []uint32) {
	for i, p := range s.status.Shards {
		if !p.Connected {
			shards = append(shards, uint32(i))
		}
	}
	return shards
}

func (s survey) since(t time.Time) time.Duration {
	d := max(0, s.now.Sub(t))
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Second)
}

// troubles tells what is wrong with some shards, and with which of them nothing is.
func (s survey) troubles(shards []uint32) (why []string, fine, away, quarantined []uint32) {
	for _, i := range shards {
		switch t := s.trouble(int(i)); {
		case t == "":
			fine = append(fine, i)
			continue
		case s.needsPerson(int(i)):
			quarantined = append(quarantined, i)
			why = append(why, t)
		default:
			away = append(away, i)
			why = append(why, t)
		}
	}
	return why, fine, away, quarantined
}

// explainUndecided says why a block is not decided, and what to do.
func (s survey) explainUndecided(b protocol.BlockStatus, out *wirepb.InDoubt) {
	why, fine, away, quarantined := s.troubles(out.Missing)
	waits := "it waits for a vote: "
	if b.Phase == protocol.PhaseWaiting {
		waits = "no attempt can begin: "
	}
	giveUp := fmt.Sprintf("to give the block up: lockstep indoubt resolve %d --abort", b.Height)
	switch {
	case s.status.Ended != "":
		out.Reason = "this coordinator decides nothing more: " + s.status.Ended
		out.Advice = "nothing is lost: see docs/failures.md, and have another coordinator lead, or mend the cause and restart this one"
	case b.Phase == protocol.PhaseDeciding:
		out.Reason = fmt.Sprintf("all shards have voted, and it waits for the height below it, %d", b.Height-1)
		out.Advice, out.ByItself = "see to that height", true
	case len(quarantined) > 0:
		out.Reason = waits + strings.Join(why, "; ")
		out.Advice = fmt.Sprintf("keep a copy of the data directories and see docs/failures.md#quarantine; %s", giveUp)
	case len(away) > 0:
		out.Reason = waits + strings.Join(why, "; ")
		out.Advice = fmt.Sprintf("bring %s back, and the rest happens by itself; %s", shardsText(away), giveUp)
	case b.Phase == protocol.PhaseWaiting && b.Refusal == "" && b.Height > s.height()+1:
		out.Reason = "no attempt is under way, and it comes after the heights below it"
		out.Advice, out.ByItself = fmt.Sprintf("see to height %d", s.height()+1), true
	case b.Phase == protocol.PhaseWaiting && b.Refusal != "":
		out.Reason = "no attempt is under way: " + b.Refusal
		out.Advice, out.ByItself = "another attempt begins by itself within 2s; if it is refused again and again, mend what the reason says", true
	case b.Phase == protocol.PhaseWaiting:
		out.Reason = "no attempt is under way yet"
		out.Advice, out.ByItself = "nothing: one begins by itself", true
	default:
		out.Reason = fmt.Sprintf("it waits for the vote of %s, connected and asked %s ago", shardsText(fine), s.since(b.Since))
		out.Advice, out.ByItself = fmt.Sprintf("nothing for now; if it lasts, have them asked again: lockstep indoubt resolve %d", b.Height), true
	}
	out.Reason, out.Advice = wire.Reason(out.Reason), wire.Reason(out.Advice)
}

// explainDecided says why shards do not know of a decision, and what to do.
func (s survey) explainDecided(b *wirepb.InDoubt) {
	why, fine, away, quarantined := s.troubles(b.Missing)
	b.Reason = fmt.Sprintf("it is committed, and %s not been told: %s", hasNot(b.Missing), strings.Join(why, "; "))
	b.Advice = "nothing but to bring " + shardsText(away) + " back: the decision is delivered at once"
	switch {
	case len(quarantined) > 0:
		b.Advice, b.ByItself = "keep a copy of the data directories and see docs/failures.md#quarantine: the block stays committed", false
	case len(away) > 0:
		b.ByItself = false
	case len(fine) > 0:
		b.Reason = fmt.Sprintf("it is committed, and %s catching up", areBeing(fine))
		b.Advice = fmt.Sprintf("nothing for now; if it lasts: lockstep indoubt resolve %d", b.Height)
	}
	b.Reason, b.Advice = wire.Reason(b.Reason), wire.Reason(b.Advice)
}

// explainGivenUp says why a shard still holds what was given up.
func (s survey) explainGivenUp(b *wirepb.InDoubt) {
	why, fine, _, quarantined := s.troubles(b.Missing)
	b.Reason = "the attempt was given up and never commits, and " + hasNot(b.Missing) + " not been told: " + strings.Join(why, "; ")
	b.Advice = "nothing but to bring " + shardsText(b.Missing) + " back: it is told to drop the attempt"
	switch {
	case len(quarantined) > 0:
		b.Advice = "see docs/failures.md#quarantine; this attempt needs nothing"
	case len(fine) == len(b.Missing):
		b.Reason = "the attempt was given up and never commits, and the word is on its way to " + shardsText(fine)
		b.Advice, b.ByItself = "nothing", true
	}
	b.Reason, b.Advice = wire.Reason(b.Reason), wire.Reason(b.Advice)
}

func shardsText(shards []uint32) string {
	if len(shards) == 1 {
		return fmt.Sprintf("shard %d", shards[0])
	}
	return fmt.Sprintf("shards %v", shards)
}

func hasNot(shards []uint32) string {
	if len(shards) == 1 {
		return shardsText(shards) + " has"
	}
	return shardsText(shards) + " have"
}

func areBeing(shards []uint32) string {
	if len(shards) == 1 {
		return shardsText(shards) + " is"
	}
	return shardsText(shards) + " are"
}
