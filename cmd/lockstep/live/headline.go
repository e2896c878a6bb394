package live

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

// slow is the age from which a block that is under way is worth a word.
const slow = time.Second

// Headline says in one sentence how the cluster does: what stops it, whom it waits
// for, or that nothing does.
func Headline(c report.Cluster) string {
	for _, find := range []func(report.Cluster) string{
		quarantined, disconnected, refused, waiting, hindered, coordinators,
	} {
		if sentence := find(c); sentence != "" {
			return sentence
		}
	}
	if short := shortOfSpace(c); short != "" {
		return short
	}
	if len(c.InFlight) == 0 {
		return "All is well: nothing is under way."
	}
	return "All is well: " + report.Plural(len(c.InFlight), "block") + " under way."
}

// quarantined finds nodes that found proof of divergence.
func quarantined(c report.Cluster) string {
	if c.Quarantined != "" {
		return "The coordinator decides nothing any more: " + report.Printable(c.Quarantined)
	}
	shards := shardsThat(c, func(s report.Shard) bool { return s.State == "quarantined" })
	if len(shards) == 0 {
		return ""
	}
	return fmt.Sprintf("Nothing is committed: %s quarantined; see why below.", areThe(shards))
}

// disconnected finds shards without a session.
func disconnected(c report.Cluster) string {
	shards := shardsThat(c, func(s report.Shard) bool { return s.State == "disconnected" })
	if len(shards) == 0 {
		return ""
	}
	text := fmt.Sprintf("Nothing is committed: %s not connected", areThe(shards))
	if n, oldest := prepared(c); n > 0 {
		return text + fmt.Sprintf("; %s for the decision, the oldest for %s.", attemptsWait(n), report.Duration(oldest))
	}
	return text + "."
}

// refused finds shards whose refusal is why no attempt of the lowest block is under way.
func refused(c report.Cluster) string {
	if len(c.InFlight) == 0 || c.InFlight[0].Attempt != 0 {
		return ""
	}
	reason := hindered(c)
	if reason == "" {
		return ""
	}
	return "Nothing is committed. " + reason
}

// waiting finds the oldest block that is slow, and whom it waits for.
func waiting(c report.Cluster) string {
	if len(c.InFlight) == 0 {
		return ""
	}
	oldest := slices.MaxFunc(c.InFlight, func(a, b report.InFlight) int { return cmp.Compare(a.AgeMs, b.AgeMs) })
	age := time.Duration(oldest.AgeMs) * time.Millisecond
	if age < slow {
		return ""
	}
	text := fmt.Sprintf("Height %s is under way for %s", report.Count(oldest.Height), report.Duration(age))
	switch {
	case oldest.Phase == "deciding":
		return text + ": its decision is being made durable by the coordinators."
	case len(oldest.WaitingFor) > 0:
		return text + ": it waits for " + shardNames(oldest.WaitingFor) + "."
	}
	return text + "."
}

// hindered finds shards that take part and say why they cannot for now.
func hindered(c report.Cluster) string {
	for _, s := range c.Shards {
		if s.Reason != "" {
			return fmt.Sprintf("Shard %d: %s", s.ID, report.Printable(s.Reason))
		}
	}
	return ""
}

// coordinators finds members that would be missed.
func coordinators(c report.Cluster) string {
	var away []string
	voters, ready := 0, 0
	for _, m := range c.Coordinators {
		if m.ShortOfSpace != "" && m.Role == "leader" {
			return "No block is taken up: " + report.Printable(m.ShortOfSpace)
		}
		if m.Role == "learner" {
			continue
		}
		voters++
		if m.State == "ready" {
			ready++
		} else {
			away = append(away, report.Printable(m.Name)+" is "+report.Phrase(m.State))
		}
	}
	if len(away) == 0 {
		return ""
	}
	spare := ready - (voters/2 + 1)
	return fmt.Sprintf("Blocks are committed, but %s: %s more may be lost.", strings.Join(away, ", "), spareWord(spare))
}

func spareWord(n int) string {
	if n <= 0 {
		return "no coordinator"
	}
	return report.Plural(n, "coordinator")
}

// shortOfSpace finds members that could not go on if they led.
func shortOfSpace(c report.Cluster) string {
	for _, m := range c.Coordinators {
		if m.ShortOfSpace != "" {
			return "Blocks are committed, but see to " + report.Printable(m.ShortOfSpace)
		}
	}
	return ""
}

// prepared counts the attempts that wait for their decision somewhere, and gives
// the age of the oldest.
func prepared(c report.Cluster) (attempts int, oldest time.Duration) {
	type attempt struct {
		height, epoch uint64
		attempt       uint32
	}
	found := map[attempt]bool{}
	for _, s := range c.Shards {
		for _, p := range s.Prepared {
			found[attempt{p.Height, p.Epoch, p.Attempt}] = true
			oldest = max(oldest, time.Duration(p.AgeMs)*time.Millisecond)
		}
	}
	return len(found), oldest
}

func attemptsWait(n int) string {
	if n == 1 {
		return "1 prepared attempt waits"
	}
	return report.Count(n) + " prepared attempts wait"
}

func shardsThat(c report.Cluster, is func(report.Shard) bool) (ids []uint32) {
	for _, s := range c.Shards {
		if is(s) {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// areThe is "shard 1 is" or "shards 1 and 2 are".
func areThe(shards []uint32) string {
	if len(shards) == 1 {
		return shardNames(shards) + " is"
	}
	return shardNames(shards) + " are"
}

// shardNames names the shards, or how many if there are too many to name.
func shardNames(shards []uint32) string {
	const most = 8
	switch n := len(shards); {
	case n == 1:
		return fmt.Sprintf("shard %d", shards[0])
	case n > most:
		return report.Plural(n, "shard")
	default:
		all := strings.Trim(strings.Join(strings.Fields(fmt.Sprint(shards[:n-1])), ", "), "[]")
		return fmt.Sprintf("shards %s and %d", all, shards[n-1])
	}
}
