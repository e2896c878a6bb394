package protocol

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

// printer writes effects and states as the scripts show them.
type printer struct {
	out strings.Builder
	// blocks names the blocks of the script by their id.
	blocks map[Digest]string
}

func (p *printer) printf(format string, args ...any) { fmt.Fprintf(&p.out, format+"\n", args...) }

// take gives what was written since the last time. Ids and digests that stand
// in the sentences of the machines are made short.
func (p *printer) take() string {
	s := p.out.String()
	p.out.Reset()
	s = regexp.MustCompile(`\b[0-9a-f]{64}\b`).ReplaceAllStringFunc(s, func(x string) string { return "=" + shortHex(x) })
	return regexp.MustCompile(`\b[0-9a-f]{32}\b`).ReplaceAllStringFunc(s, func(x string) string {
		b, _ := hex.DecodeString(x)
		return strings.TrimRight(string(b), "\x00")
	})
}

// shortHex drops the leading zeros of a small number, and cuts a hash short.
func shortHex(x string) string {
	if !strings.HasPrefix(x, "0000000000000000") {
		return x[:8] + ".."
	}
	if x = strings.TrimLeft(x, "0"); x == "" {
		return "0"
	}
	return x
}

func digestText(d Digest) string { return "=" + shortHex(d.String()) }

func committedText(c Committed) string {
	s := fmt.Sprintf("%s %s", c.Attempt, digestText(c.Digest))
	if !c.Root.IsZero() {
		s += " root" + digestText(c.Root)
	}
	return s
}

func outcomesText(o Outcomes) string {
	names := make([]string, o.Len())
	for i := range names {
		if names[i] = o.At(i); names[i] == "" {
			names[i] = "-"
		}
	}
	return "[" + strings.Join(names, ",") + "]"
}

func voteText(v Vote) string {
	if v.Yes {
		return fmt.Sprintf("%s %s %s", v.Attempt, digestText(v.Digest), outcomesText(v.Outcomes))
	}
	if v.Refusal.Retry {
		return fmt.Sprintf("%s retry: %s", v.Attempt, v.Refusal.Reason)
	}
	return fmt.Sprintf("%s for good: %s", v.Attempt, v.Refusal.Reason)
}

func (p *printer) block(d Digest) string {
	if name, ok := p.blocks[d]; ok {
		return name
	}
	return digestText(d)
}

func (p *printer) effects(e Effects, err error) {
	if err != nil {
		p.printf("  ERROR %v", err)
	}
	for _, r := range e.Persist {
		p.printf("  persist %s", p.record(r))
	}
	if e.Force {
		p.printf("  force")
	}
	for _, a := range e.Drop {
		p.printf("  drop %s", a)
	}
	for _, c := range e.Apply {
		p.printf("  apply %s", committedText(c))
	}
	for _, d := range e.Decided {
		p.printf("  decided %s", p.decision(d))
	}
	for _, env := range e.Send {
		p.printf("  send s%d e%d %s", env.Session, env.Epoch, p.message(env.Message))
	}
	p.rest(e)
}

func (p *printer) rest(e Effects) {
	for _, a := range e.Answer {
		p.printf("  answer w%d %s", a.Waiter, p.answer(a))
	}
	for _, x := range e.Execute {
		p.printf("  execute %s on %s", x.Attempt, x.Parent)
	}
	for _, c := range e.Close {
		p.printf("  close s%d: %s", c.Session, c.Reason)
	}
	if e.StepDown != "" {
		p.printf("  STEP DOWN: %s", e.StepDown)
	}
	for _, n := range e.Notes {
		if n.Attempt.IsZero() {
			p.printf("  note %s: %s", n.Kind, n.Text)
			continue
		}
		p.printf("  note %s %s: %s", n.Kind, n.Attempt, n.Text)
	}
}

func (p *printer) record(r Record) string {
	switch r := r.(type) {
	case EpochSeen:
		return fmt.Sprintf("epoch %d", r.Epoch)
	case EpochClaimed:
		return fmt.Sprintf("claim of epoch %d", r.Epoch)
	case Adopted:
		return fmt.Sprintf("adopted %s with %d shards", r.Config.Cluster, r.Config.Shards())
	case Created:
		return fmt.Sprintf("created %s with %d shards", r.Config.Cluster, r.Config.Shards())
	case *Prepared:
		return fmt.Sprintf("prepared %s on %s %s %s", r.Attempt, r.Parent, digestText(r.Digest), outcomesText(r.Outcomes))
	case CommittedRecord:
		return "committed " + committedText(r.Committed)
	case Joined:
		return fmt.Sprintf("joined shard %d %s", r.Shard, r.Directory)
	case *Proposed:
		if r.After != "" {
			return fmt.Sprintf("proposed %d %s after %s", r.Height, p.block(r.Block), r.After)
		}
		return fmt.Sprintf("proposed %d %s", r.Height, p.block(r.Block))
	case Withdrawn:
		return fmt.Sprintf("withdrawn %d %s", r.Height, r.Key)
	case *Decision:
		return "decision " + p.decision(r)
	case *Resolved:
		return fmt.Sprintf("resolved %d %s %s by %s (%s): %s", r.Height, r.Key, r.Action, r.By, r.Comment, r.What)
	}
	return fmt.Sprintf("%T", r)
}

func (p *printer) decision(d *Decision) string {
	digests := make([]string, len(d.Digests))
	for i, s := range d.Digests {
		digests[i] = digestText(s)
	}
	return fmt.Sprintf("%s on %s %s %s %s", d.Attempt, d.Parent, p.block(d.Block), strings.Join(digests, " "), outcomesText(d.Outcomes))
}

func (p *printer) message(m Message) string {
	switch m := m.(type) {
	case *Hello:
		return helloText(m)
	case *Vote:
		if m.Yes {
			return "yes " + voteText(*m)
		}
		return "no " + voteText(*m)
	case Ack:
		return fmt.Sprintf("ack committed=%d checkpointed=%d", m.Committed, m.Checkpointed)
	case Quarantined:
		return "quarantined: " + m.Reason
	case *Welcome:
		return fmt.Sprintf("welcome %s decided=%d peers=%v", m.Config.Cluster, m.Committed, m.Peers)
	case Peers:
		return fmt.Sprintf("peers %v", m.Peers)
	case *Execute:
		return fmt.Sprintf("execute %s on %s %s", m.Attempt, m.Parent, p.block(m.Block))
	case Commit:
		return "commit " + committedText(m.Committed)
	case Abort:
		return fmt.Sprintf("abort %s", m.Attempt)
	case Reject:
		return fmt.Sprintf("reject %s: %s", m.Kind, m.Reason)
	}
	return fmt.Sprintf("%T", m)
}

func helloText(m *Hello) string {
	s := fmt.Sprintf("hello shard=%d dir=%s epoch=%d committed=%s checkpointed=%d", m.Shard, m.Directory, m.Epoch, committedText(m.Committed), m.Checkpointed)
	if !m.Cluster.IsZero() {
		s += fmt.Sprintf(" cluster=%s shards=%d", m.Cluster, m.Shards)
	}
	for _, v := range m.Prepared {
		s += " prepared " + voteText(v)
	}
	return s
}

var verdictText = map[Verdict]string{
	VerdictCommitted: "committed", VerdictAborted: "aborted", VerdictRejected: "rejected",
	VerdictConflict: "conflict", VerdictOverloaded: "overloaded", VerdictRecheck: "recheck", VerdictEarly: "early",
	VerdictResolved: "resolved", VerdictStaysInDoubt: "stays in doubt", VerdictRefused: "refused",
}

func (p *printer) answer(a Answer) string {
	if a.Decision != nil {
		return fmt.Sprintf("%s at height %d", verdictText[a.Verdict], a.Decision.Height())
	}
	if a.Resolved != nil {
		return "resolved: " + a.Resolved.What
	}
	return fmt.Sprintf("%s: %s", verdictText[a.Verdict], a.Reason)
}

func (p *printer) participant(s ParticipantStatus) {
	p.printf("epoch %d, committed %s, checkpointed %d, session s%d, welcomed %t", s.Epoch, committedText(s.Committed), s.Checkpointed, s.Session, s.Welcomed)
	for _, h := range s.Held {
		p.printf("%s %s", h.Phase, h.Attempt)
	}
	if s.Obstructed != "" {
		p.printf("obstructed: %s", s.Obstructed)
	}
	if s.Rejected != nil {
		p.printf("rejected, %s: %s", s.Rejected.Kind, s.Rejected.Reason)
	}
	if s.Quarantine != nil {
		p.printf("quarantined: %v", s.Quarantine)
	}
}

func (p *printer) coordinator(s CoordinatorStatus) {
	at := "nothing"
	if s.Decided != nil {
		at = s.Decided.Attempt.String()
	}
	p.printf("epoch %d, decided %s, kept %d, lowest needed %d, queued %d (%d bytes), down %t", s.Epoch, at, s.Kept, s.LowestNeeded, s.Queued, s.QueueBytes, s.Down)
	for _, b := range s.InFlight {
		p.printf("%d %s: %s %s, missing %v", b.Height, b.Key, b.Phase, b.Attempt, b.Missing)
	}
	for i, h := range s.Shards {
		p.printf("shard %d: joined %t, connected %t, known %t, committed %d, checkpointed %d, prepared %d, executing %t%s",
			i, h.Joined, h.Connected, h.Known, h.Committed, h.Checkpointed, len(h.Prepared), h.Executing, trouble(h))
	}
	if s.Quarantine != nil {
		p.printf("quarantined: %v", s.Quarantine)
	}
}

func trouble(h ShardStatus) string {
	switch {
	case h.Quarantined != "":
		return ", quarantined: " + h.Quarantined
	case h.Rejected != nil:
		return ", rejected: " + h.Rejected.Kind.String()
	}
	return ""
}
