package dashboard

import (
	"fmt"
	"slices"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// slowMs is how long an attempt may be under way before that needs a reason.
const slowMs = 2000

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
		return &Sentence{Level: "waiting", Kind: "deciding", Docs: docsSlowDisk,
			Text:   fmt.Sprintf("Waits for the coordinator's log: block %s has every vote, and its decision is not on disk yet.", report.Count(f.GetHeight())),
			Detail: "Until it is, nobody is told. Nothing is lost.", Do: "See how long forces of the log take, below, and with several coordinators whether a majority answers."}
	}
	return &Sentence{Level: "waiting", Kind: fmt.Sprint("votes ", f.GetWaitingFor()), Docs: docsSlowShard,
		Text:   fmt.Sprintf("Waits for the %s of %s on block %s, for %s.", noun(len(f.GetWaitingFor()), "vote"), shards(f.GetWaitingFor()), report.Count(f.GetHeight()), ago(f.GetAgeMs())),
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
			Text:   fmt.Sprintf("Shard %d is catching up: %s behind.", shard.GetId(), report.Plural(v.Cluster.GetHeight()-min(v.Cluster.GetHeight(), shard.GetCommittedHeight()), "block")),
			Detail: "It gets the decisions that it lacks and goes on by itself."}
	}
	return nil
}
