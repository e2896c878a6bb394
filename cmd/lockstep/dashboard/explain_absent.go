package dashboard

import (
	"fmt"
	"slices"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

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
		s.Do = "Start those that do not run, and see that each reaches the coordinator. They come back by themselves."
		return s
	}
	s.Do = whatToDo(first)
	if doubt := inDoubt(first, v.Cluster.GetHeight()); doubt != "" {
		s.Detail += " " + doubt
		s.Docs = docsInDoubt
	}
	return s
}

// inDoubt says what a shard that is away holds prepared.
func inDoubt(shard *wirepb.ShardStatus, decided uint64) string {
	own := shard.GetReport().GetStatus()
	if !saysNow(shard) || len(own.GetPrepared()) == 0 {
		return ""
	}
	var oldest, known uint64
	for _, p := range own.GetPrepared() {
		oldest = max(oldest, p.GetAgeMs())
		if p.GetHeight() <= decided {
			known++
		}
	}
	n := uint64(len(own.GetPrepared()))
	text := fmt.Sprintf("Shard %d holds %s prepared, for up to %s, and cannot know what was decided (in doubt).", shard.GetId(), report.Plural(n, "block"), ago(oldest))
	switch known {
	case 0:
		return text
	case n:
		return text + " All of that is decided, and the shard is told once it is back."
	}
	return text + fmt.Sprintf(" Of that, %s decided, and the shard is told once it is back.", blocksAre(known))
}

func blocksAre(n uint64) string {
	if n == 1 {
		return "1 block is"
	}
	return report.Count(n) + " blocks are"
}

// whatToDo about one shard that is not connected, by what it says of itself.
func whatToDo(shard *wirepb.ShardStatus) string {
	switch {
	case saysNow(shard):
		return "The shard itself runs and answers when it is asked, so the way from it to the coordinator is cut: see that it can reach the coordinator's --listen address. It tries by itself every few seconds."
	case shard.GetAddress() == "":
		return "It has not been heard of since the coordinator began to lead: start it, or see that it can reach the coordinator's --listen address."
	}
	return fmt.Sprintf("It does not answer at %s either: see that it runs, and that the network between is up. It comes back by itself once it can.", shard.GetAddress())
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
	n := queued(v.Cluster)
	behind := ""
	if n > 0 {
		behind = fmt.Sprintf(" %s %s behind.", report.Plural(n, "more block"), verb(int(n), "wait"))
	}
	switch {
	case len(heights) == 0 && n == 0:
		return "No block is under way. One that comes now waits, at most for the time that its client gave it; nothing is lost."
	case len(heights) == 0:
		return fmt.Sprintf("%s %s, at most for the time that the client gave it; nothing is lost.", report.Plural(n, "block"), verb(int(n), "wait"))
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

// reportMs is how old what a shard says of itself may be to count as its word now.
const reportMs = 3000

// saysNow reports whether a shard answers when it is asked how it is.
func saysNow(shard *wirepb.ShardStatus) bool {
	r := shard.GetReport()
	return r.GetStatus() != nil && r.GetFailure() == "" && r.GetAgeMs() < reportMs
}
