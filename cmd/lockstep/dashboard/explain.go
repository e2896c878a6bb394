package dashboard

import (
	"fmt"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Sentence says in words what the cluster does now and, if it waits, for whom.
type Sentence struct {
	// Level is "well", "notice" (it goes on, but somebody should look), "waiting"
	// (it goes on by itself when what it waits for is there) or "stopped" (a person
	// has to act).
	Level string `json:"level"`
	// Kind stays the same while the reason does, whatever the figures in the text.
	Kind   string `json:"kind"`
	Text   string `json:"text"`   // the sentence
	Detail string `json:"detail"` // what that means for blocks
	Do     string `json:"do"`     // what to do; empty for nothing
	Docs   *Docs  `json:"docs,omitempty"`
}

// Docs names a section of the documentation.
type Docs struct {
	Title string `json:"title"`
	Path  string `json:"path"` // docs/FILE#ANCHOR
}

// The sections that sentences send to.
var (
	docsNoLeader    = &Docs{"Failures: no coordinator leads for now", "docs/failures.md#no-coordinator-leads-for-now"}
	docsAway        = &Docs{"Failures: a shard is away", "docs/failures.md#a-shard-is-away"}
	docsInDoubt     = &Docs{"Failures: a shard is in doubt", "docs/failures.md#a-shard-is-in-doubt"}
	docsLink        = &Docs{"Failures: a link between two shards is cut", "docs/failures.md#a-link-between-two-shards-is-cut"}
	docsSpace       = &Docs{"Failures: this shard refuses to prepare", "docs/failures.md#this-shard-refuses-to-prepare--mib-are-free"}
	docsLeaderSpace = &Docs{"Failures: the disk of a coordinator is full", "docs/failures.md#the-disk-of-a-coordinator-is-full"}
	docsSlowDisk    = &Docs{"Failures: a disk is slow", "docs/failures.md#a-disk-is-slow"}
	docsSlowShard   = &Docs{"Failures: a shard is slow", "docs/failures.md#a-shard-is-slow"}
	docsRefused     = &Docs{"Failures: the coordinator refuses a shard", "docs/failures.md#the-coordinator-refuses-a-shard"}
	docsQuarantine  = &Docs{"Failures: quarantine", "docs/failures.md#quarantine"}
	docsNotReady    = &Docs{"Failures: a coordinator does not become ready", "docs/failures.md#a-coordinator-does-not-become-ready"}
	docsMember      = &Docs{"Failures: a coordinator is refused", "docs/failures.md#a-coordinator-is-refused"}
	docsStatus      = &Docs{"Operating: reading the status", "docs/operating.md#reading-the-status"}
	docsAdding      = &Docs{"Operating: several coordinators", "docs/operating.md#several-coordinators"}
	allDocsSections = []*Docs{docsNoLeader, docsAway, docsInDoubt, docsLink, docsSpace, docsLeaderSpace, docsSlowDisk, docsSlowShard, docsRefused, docsQuarantine, docsNotReady, docsMember, docsStatus, docsAdding}
)

// Explain says what the cluster does. rate is the transactions per second that are
// committed now.
func Explain(v View, rate float64) Sentence {
	if v.Cluster == nil {
		return leaderless(v)
	}
	for _, look := range []func(View) *Sentence{stopped, quarantined, refusedShards, absent, noSpace, refusing, exchanging, slow, behind, coordinators} {
		if s := look(v); s != nil {
			return *s
		}
	}
	c := v.Cluster
	all := "Every shard is connected"
	if len(c.GetShards()) == 1 {
		all = "The shard is connected"
	}
	if rate > 0 || len(c.GetInFlight()) > 0 {
		return Sentence{Level: "well", Kind: "working", Text: "Blocks are being committed. Nothing waits.",
			Detail: fmt.Sprintf("%s; height %s is decided.", all, report.Count(c.GetHeight()))}
	}
	return Sentence{Level: "well", Kind: "idle", Text: "Ready for blocks. Nothing waits.",
		Detail: fmt.Sprintf("%s and level; height %s is decided, and no block is under way.", all, report.Count(c.GetHeight()))}
}

// leaderless is for a coordinator that knows of no leader, or cannot ask it.
func leaderless(v View) Sentence {
	s := Sentence{Level: "waiting", Kind: "leaderless", Detail: "Shards keep what is prepared and serve reads; nothing is lost.", Docs: docsNoLeader}
	switch {
	case v.Here.Waiting:
		return Sentence{Level: "waiting", Kind: "newcomer", Text: fmt.Sprintf("Coordinator %s waits to be added to a cluster.", v.Here.Name),
			Detail: "It takes no part yet.", Do: "Add it with lockstep cluster add, at a coordinator of the cluster.", Docs: docsAdding}
	case v.Here.Removed:
		return Sentence{Level: "waiting", Kind: "removed", Text: fmt.Sprintf("Coordinator %s was removed from its cluster.", v.Here.Name),
			Detail: "It takes no part any more, and its disk is not needed.", Do: "Stop it, and look at the page of another coordinator.", Docs: docsAdding}
	case v.Here.Leads || v.Here.Alone:
		s.Text = fmt.Sprintf("Waits for coordinator %s, which is starting.", v.Here.Name)
	case v.Here.Leader != "":
		s.Kind = "leader away"
		s.Text = fmt.Sprintf("Coordinator %s leads, at %s, and does not answer from here.", v.Here.Leader, v.Here.LeaderAddress)
		s.Detail = capital(sentence(v.Failure))
		s.Do = fmt.Sprintf("If this lasts longer than a few seconds, see that %s runs and that this machine reaches it. This page shows the cluster again once it does.", v.Here.Leader)
	default:
		s.Text = "No coordinator leads for now, so nothing is decided."
		s.Do = "If this lasts longer than a few seconds, see that a majority of the coordinators runs and can reach each other, each on the data directory that it had."
	}
	return s
}

// stopped is for a coordinator that has ended by itself.
func stopped(v View) *Sentence {
	if v.Cluster.GetQuarantined() == "" {
		return nil
	}
	return &Sentence{Level: "stopped", Kind: "coordinator stopped", Text: "The coordinator decides nothing more: " + sentence(v.Cluster.GetQuarantined()),
		Detail: "Nothing is changed any more, and what was committed stays committed.", Docs: docsQuarantine,
		Do: "Leave every data directory as it is, and find out what happened before anything is restarted."}
}

func quarantined(v View) *Sentence {
	for _, shard := range v.Cluster.GetShards() {
		if shard.GetState() == wirepb.ShardState_SHARD_STATE_QUARANTINED {
			return &Sentence{Level: "stopped", Kind: fmt.Sprint("quarantine ", shard.GetId()),
				Text:   fmt.Sprintf("Shard %d is in quarantine: %s", shard.GetId(), sentence(shard.GetReason())),
				Detail: "It votes and serves no more, so nothing is decided; it changes nothing, and what was committed stays committed.",
				Do:     "Leave every data directory as it is: lockstep recover shows where they part.", Docs: docsQuarantine}
		}
	}
	return nil
}

// refusedShards is for shards that the coordinator does not let in.
func refusedShards(v View) *Sentence {
	for _, shard := range v.Cluster.GetShards() {
		if shard.GetState() == wirepb.ShardState_SHARD_STATE_DISCONNECTED && shard.GetReason() != "" {
			return &Sentence{Level: "stopped", Kind: fmt.Sprint("refused ", shard.GetId()),
				Text:   fmt.Sprintf("Shard %d is refused: %s", shard.GetId(), sentence(shard.GetReason())),
				Detail: waitingFor(v, []uint32{shard.GetId()}), Docs: docsRefused, Do: "Start it as the reason says; it is let in as soon as it fits."}
		}
	}
	return nil
}

func capital(s string) string {
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		return string(s[0]-'a'+'A') + s[1:]
	}
	return s
}

// noSpace is for the coordinator's own disk.
func noSpace(v View) *Sentence {
	if v.Cluster.GetObstructed() == "" {
		return nil
	}
	return &Sentence{Level: "waiting", Kind: "coordinator space", Text: "The coordinator takes up no more blocks: " + sentence(v.Cluster.GetObstructed()),
		Detail: "Blocks that were taken up before are still decided; clients try again.", Docs: docsLeaderSpace}
}

// coordinators is for members of a group that do not take part.
func coordinators(v View) *Sentence {
	var missing []string
	docs, votes, lost := docsNotReady, 0, 0
	for _, m := range v.Members {
		learner := m.GetRole() == wirepb.CoordinatorRole_COORDINATOR_ROLE_LEARNER
		if !learner {
			votes++
		}
		switch m.GetState() {
		case wirepb.CoordinatorState_COORDINATOR_STATE_REFUSED:
			docs = docsMember
		case wirepb.CoordinatorState_COORDINATOR_STATE_UNREACHABLE, wirepb.CoordinatorState_COORDINATOR_STATE_OUTSIDE:
		default:
			continue
		}
		missing = append(missing, m.GetName())
		if !learner {
			lost++
		}
	}
	if len(missing) == 0 {
		return nil
	}
	spare := (votes-1)/2 - lost
	s := &Sentence{Level: "notice", Kind: fmt.Sprint("members ", missing), Docs: docs,
		Text: fmt.Sprintf("Blocks are decided, but coordinator %s does not take part.", and(missing))}
	if len(missing) > 1 {
		s.Text = fmt.Sprintf("Blocks are decided, but coordinators %s do not take part.", and(missing))
	}
	if s.Detail = "If one more is lost, nothing is decided until it is back."; spare > 0 {
		s.Detail = fmt.Sprintf("%s more can be lost before nothing is decided any more.", capital(report.Plural(uint64(spare), "coordinator")))
	}
	s.Do = "Bring it back on the data directory that it had, or replace it."
	return s
}
