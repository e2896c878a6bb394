package dashboard

import (
	"fmt"
	"slices"

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
	docsRefused     = &Docs{"Failures: the coordinator refuses a shard", "docs/failures.md#the-coordinator-refuses-a-shard"}
	docsQuarantine  = &Docs{"Failures: quarantine", "docs/failures.md#quarantine"}
	docsNotReady    = &Docs{"Failures: a coordinator does not become ready", "docs/failures.md#a-coordinator-does-not-become-ready"}
	docsMember      = &Docs{"Failures: a coordinator is refused", "docs/failures.md#a-coordinator-is-refused"}
	docsStatus      = &Docs{"Operating: reading the status", "docs/operating.md#reading-the-status"}
	allDocsSections = []*Docs{docsNoLeader, docsAway, docsInDoubt, docsLink, docsSpace, docsRefused, docsQuarantine, docsNotReady, docsMember, docsStatus}
)

// slowMs is how long an attempt may be under way before that needs a reason.
const slowMs = 2000

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
			Detail: fmt.Sprintf("%s; height %d is decided.", all, c.GetHeight())}
	}
	return Sentence{Level: "well", Kind: "idle", Text: "Ready for blocks. Nothing waits.",
		Detail: fmt.Sprintf("%s and level; height %d is decided, and no block is under way.", all, c.GetHeight())}
}

// leaderless is for a coordinator that knows of no leader, or cannot ask it.
func leaderless(v View) Sentence {
	s := Sentence{Level: "waiting", Kind: "leaderless", Detail: "Shards keep what is prepared and serve reads; nothing is lost. " + sentence(v.Failure), Docs: docsNoLeader}
	switch {
	case v.Here.Leads || v.Here.Alone:
		s.Text = fmt.Sprintf("Waits for coordinator %s, which is starting.", v.Here.Name)
	case v.Here.Leader != "":
		s.Kind = "leader away"
		s.Text = fmt.Sprintf("Coordinator %s leads, at %s, and does not answer from here.", v.Here.Leader, v.Here.LeaderAddress)
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
	return &Sentence{Level: "stopped", Kind: "coordinator stopped", Text: "This coordinator decides nothing more: " + sentence(v.Cluster.GetQuarantined()),
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

// absent is for shards without a session.
func absent(v View) *Sentence {
	var ids []uint32
	var longest uint64
	var first *wirepb.ShardStatus
	for _, shard := range v.Cluster.GetShards() {
		if shard.GetState() != wirepb.ShardState_SHARD_STATE_DISCONNECTED {
			continue
		}
		ids = append(ids, shard.GetId())
		if first == nil {
			first = shard
		}
		longest = max(longest, shard.GetAwayMs())
	}
	if len(ids) == 0 {
		return nil
	}
	s := &Sentence{Level: "waiting", Kind: fmt.Sprint("absent ", ids), Detail: waitingFor(v, ids), Docs: docsAway,
		Text: fmt.Sprintf("Waits for %s: not connected for %s.", shards(ids), ago(longest))}
	if len(ids) > 1 {
		s.Do = "Start those that do not run, and see that each reaches this coordinator. They come back by themselves."
		return s
	}
	s.Do = whatToDo(first)
	return s
}

// whatToDo about one shard that is not connected, by what it says of itself.
func whatToDo(shard *wirepb.ShardStatus) string {
	switch {
	case saysNow(shard):
		return "The shard itself runs and answers from here, so the way from it to this coordinator is cut: see that it can reach the coordinator's --listen address. It tries by itself every few seconds."
	case shard.GetAddress() == "":
		return "It has not been heard of since this coordinator began to lead: start it, or see that it can reach this coordinator's --listen address."
	}
	return fmt.Sprintf("It does not answer at %s either: see that it runs, and that the network between is up. It comes back by itself once it can.", shard.GetAddress())
}

// reportMs is how old what a shard says of itself may be to count as its word now.
const reportMs = 3000

// saysNow reports whether a shard answers when it is asked how it is.
func saysNow(shard *wirepb.ShardStatus) bool {
	r := shard.GetReport()
	return r.GetStatus() != nil && r.GetFailure() == "" && r.GetAgeMs() < reportMs
}

// waitingFor says which blocks wait for shards, and that they are safe.
func waitingFor(v View, ids []uint32) string {
	var heights []uint64
	ready := everyShard(v.Cluster)
	for _, f := range v.Cluster.GetInFlight() {
		if f.GetAttempt() == 0 {
			continue
		}
		heights = append(heights, f.GetHeight())
		ready = slices.DeleteFunc(ready, func(id uint32) bool { return slices.Contains(f.GetWaitingFor(), id) })
	}
	behind := ""
	if n := queued(v.Cluster); n > 0 {
		behind = fmt.Sprintf(" %s %s behind.", capital(plural(n, "more block")), verb(int(n), "wait"))
	}
	switch {
	case len(heights) == 0 && behind == "":
		return "No block is under way. Blocks that come now wait until it is back, or until the time is over that their client gave them; nothing is lost."
	case len(heights) == 0:
		return "No block is being executed; nothing is lost." + behind
	case len(ready) == 0:
		return fmt.Sprintf("%s %s; nothing is lost.%s", blocks(heights), verb(len(heights), "wait"), behind)
	}
	is := "are"
	if len(heights) == 1 {
		is = "is"
	}
	return fmt.Sprintf("%s %s prepared on %s; nothing is lost.%s", blocks(heights), is, shards(ready), behind)
}

// queued is how many blocks wait without a live attempt.
func queued(c *wirepb.ClusterStatus) uint64 {
	n := c.GetQueuedBlocks()
	for _, f := range c.GetInFlight() {
		if f.GetAttempt() == 0 {
			n++
		}
	}
	return n
}

func everyShard(c *wirepb.ClusterStatus) (ids []uint32) {
	for _, s := range c.GetShards() {
		ids = append(ids, s.GetId())
	}
	return ids
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
		Detail: "Blocks that were taken up before are still decided; clients try again.", Docs: docsSpace}
}

// refusing is for shards that vote no, by which a block is tried again.
func refusing(v View) *Sentence {
	for _, shard := range v.Cluster.GetShards() {
		if shard.GetReason() == "" {
			continue
		}
		s := &Sentence{Level: "waiting", Kind: fmt.Sprint("refusing ", shard.GetId()), Docs: docsSpace,
			Text:   fmt.Sprintf("Shard %d does not prepare: %s", shard.GetId(), sentence(shard.GetReason())),
			Detail: "The block is tried again, at most 2 s apart, until it can be prepared everywhere or its time is over; nothing is lost."}
		if len(missingValues(v)) > 0 || len(shard.GetReport().GetStatus().GetWaitsForValues()) > 0 {
			s.Docs = docsLink
		}
		return s
	}
	return nil
}

// missingValues lists who owes values to whom, as the shards say.
func missingValues(v View) (owing []uint32) {
	for _, shard := range v.Cluster.GetShards() {
		if saysNow(shard) {
			owing = append(owing, shard.GetReport().GetStatus().GetWaitsForValues()...)
		}
	}
	slices.Sort(owing)
	return slices.Compact(owing)
}

// exchanging is for an attempt that waits for values that shards owe each other.
func exchanging(v View) *Sentence {
	age := oldest(v.Cluster)
	owing := missingValues(v)
	if age < slowMs || len(owing) == 0 {
		return nil
	}
	var waiting []uint32
	for _, shard := range v.Cluster.GetShards() {
		if saysNow(shard) && len(shard.GetReport().GetStatus().GetWaitsForValues()) > 0 {
			waiting = append(waiting, shard.GetId())
		}
	}
	return &Sentence{Level: "waiting", Kind: fmt.Sprint("values ", owing), Docs: docsLink,
		Text:   fmt.Sprintf("%s %s for values from %s, for %s.", capital(shards(waiting)), verb(len(waiting), "wait"), shards(owing), ago(age)),
		Detail: "Values of keys that live on other shards go straight from shard to shard. If they do not come, the attempt is given up and begun again; nothing is lost.",
		Do:     fmt.Sprintf("See that %s can reach %s at the address below.", shards(owing), shards(waiting))}
}

// oldest is the age of the oldest live attempt.
func oldest(c *wirepb.ClusterStatus) (ms uint64) {
	for _, f := range c.GetInFlight() {
		if f.GetAttempt() > 0 {
			ms = max(ms, f.GetAgeMs())
		}
	}
	return ms
}

// slow is for an attempt that takes long while everybody is there.
func slow(v View) *Sentence {
	if len(v.Cluster.GetInFlight()) == 0 {
		return nil
	}
	f := v.Cluster.GetInFlight()[0]
	if f.GetAttempt() == 0 || f.GetAgeMs() < slowMs {
		return nil
	}
	if len(f.GetWaitingFor()) == 0 {
		return &Sentence{Level: "waiting", Kind: "deciding", Docs: docsStatus,
			Text:   fmt.Sprintf("Waits for the coordinator's log: block %d has every vote, and its decision is not on disk yet.", f.GetHeight()),
			Detail: "Until it is, nobody is told. Nothing is lost.", Do: "See how long forces of the log take, below, and with several coordinators whether a majority answers."}
	}
	return &Sentence{Level: "waiting", Kind: fmt.Sprint("votes ", f.GetWaitingFor()), Docs: docsStatus,
		Text:   fmt.Sprintf("Waits for the %s of %s on block %d, for %s.", noun(len(f.GetWaitingFor()), "vote"), shards(f.GetWaitingFor()), f.GetHeight(), ago(f.GetAgeMs())),
		Detail: "A large block takes its time. " + waitingFor(v, f.GetWaitingFor()), Do: "If it lasts, look at the log of the shard, its processor and its disk."}
}

func noun(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// behind is for shards that are being brought level.
func behind(v View) *Sentence {
	for _, shard := range v.Cluster.GetShards() {
		if shard.GetState() != wirepb.ShardState_SHARD_STATE_CATCHING_UP {
			continue
		}
		return &Sentence{Level: "notice", Kind: fmt.Sprint("behind ", shard.GetId()), Docs: docsStatus,
			Text:   fmt.Sprintf("Shard %d is catching up: %s behind.", shard.GetId(), plural(v.Cluster.GetHeight()-min(v.Cluster.GetHeight(), shard.GetCommittedHeight()), "block")),
			Detail: "It gets the decisions that it lacks and goes on by itself."}
	}
	return nil
}

// coordinators is for members of a group that do not take part.
func coordinators(v View) *Sentence {
	var missing []string
	docs := docsNotReady
	for _, m := range v.Members {
		switch m.GetState() {
		case wirepb.CoordinatorState_COORDINATOR_STATE_REFUSED:
			docs = docsMember
			missing = append(missing, m.GetName())
		case wirepb.CoordinatorState_COORDINATOR_STATE_UNREACHABLE:
			missing = append(missing, m.GetName())
		}
	}
	if len(missing) == 0 {
		return nil
	}
	spare := (len(v.Members)-1)/2 - len(missing)
	s := &Sentence{Level: "notice", Kind: fmt.Sprint("members ", missing), Docs: docs,
		Text: fmt.Sprintf("Blocks are decided, but coordinator %s does not take part.", and(missing))}
	if len(missing) > 1 {
		s.Text = fmt.Sprintf("Blocks are decided, but coordinators %s do not take part.", and(missing))
	}
	if s.Detail = "If one more is lost, nothing is decided until it is back."; spare > 0 {
		s.Detail = fmt.Sprintf("%s more can be lost before nothing is decided any more.", capital(plural(uint64(spare), "coordinator")))
	}
	s.Do = "Bring it back on the data directory that it had, or replace it."
	return s
}
