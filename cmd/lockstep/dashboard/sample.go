package dashboard

import (
	"cmp"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/lockstep-exec/lockstep/protocol/durations"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// figure is a number of a chart; NaN, which is null in JSON, where there is none.
type figure float64

var none = figure(math.NaN())

// MarshalJSON rounds to what a chart can show.
func (f figure) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(f)) || math.IsInf(float64(f), 0) {
		return []byte("null"), nil
	}
	return json.Marshal(math.Round(float64(f)*1000) / 1000)
}

// sample is what happened in a span of time. Times are milliseconds.
type sample struct {
	UnixMs       int64             `json:"t"`    // the end of the span
	Transactions figure            `json:"tx"`   // committed a second
	Blocks       figure            `json:"bl"`   // committed a second
	LatencyP50   figure            `json:"l50"`  // of blocks
	LatencyP99   figure            `json:"l99"`  //
	ForceP50     figure            `json:"f50"`  // of the coordinator's log
	ForceP99     figure            `json:"f99"`  //
	ShardForce50 figure            `json:"sf50"` // of the logs of all shards together
	ShardForce99 figure            `json:"sf99"` //
	WaitP50      figure            `json:"w50"`  // of executions for values of other shards
	WaitP99      figure            `json:"w99"`  //
	Outcomes     map[string]figure `json:"oc"`   // transactions a second, by outcome
	GivenUp      figure            `json:"gu"`   // attempts a second
	Withdrawn    figure            `json:"wd"`   // blocks a second
}

// mark is what a sample is the difference of.
type mark struct {
	at      time.Time
	cluster *wirepb.ClusterStatus // nil if nobody could be asked
}

// mostOutcomes bounds the outcomes that are told apart; the rest is "other".
const mostOutcomes = 8

// between makes the sample of the span between two marks. Where nothing is known,
// because nobody could be asked or another coordinator began to lead, it has no
// figures.
func between(before, now mark) sample {
	s := sample{
		UnixMs: now.at.UnixMilli(), Transactions: none, Blocks: none, LatencyP50: none, LatencyP99: none, ForceP50: none, ForceP99: none,
		ShardForce50: none, ShardForce99: none, WaitP50: none, WaitP99: none, GivenUp: none, Withdrawn: none,
	}
	a, b := before.cluster.GetActivity(), now.cluster.GetActivity()
	seconds := now.at.Sub(before.at).Seconds()
	if a == nil || b == nil || a.GetSinceUnixMs() != b.GetSinceUnixMs() || before.cluster.GetEpoch() != now.cluster.GetEpoch() || seconds <= 0 {
		return s
	}
	rate := func(before, now uint64) figure { return figure(float64(now-min(before, now)) / seconds) }
	s.Transactions, s.Blocks = rate(a.GetTransactions(), b.GetTransactions()), rate(a.GetBlocks(), b.GetBlocks())
	s.GivenUp = rate(a.GetAttemptsGivenUp(), b.GetAttemptsGivenUp())
	s.Withdrawn = rate(a.GetAborted()+a.GetRejected(), b.GetAborted()+b.GetRejected())
	s.Outcomes = outcomes(a, b, rate)
	s.LatencyP50, s.LatencyP99 = quantiles(durations.Since(b.GetLatency(), a.GetLatency()))
	s.ForceP50, s.ForceP99 = quantiles(durations.Since(b.GetForces(), a.GetForces()))
	forces, waits := ofShards(before.cluster, now.cluster)
	s.ShardForce50, s.ShardForce99 = quantiles(forces)
	s.WaitP50, s.WaitP99 = quantiles(waits)
	return s
}

func quantiles(d *wirepb.Durations) (p50, p99 figure) {
	ms := func(q float64) figure {
		if d, ok := durations.Quantile(d, q); ok {
			return figure(d.Seconds() * 1000)
		}
		return none
	}
	return ms(0.5), ms(0.99)
}

// ofShards adds up what all shards have measured between two marks.
func ofShards(before, now *wirepb.ClusterStatus) (forces, waits *wirepb.Durations) {
	for i, shard := range now.GetShards() {
		own := shard.GetReport().GetStatus()
		if own == nil || i >= len(before.GetShards()) {
			continue
		}
		earlier := before.GetShards()[i].GetReport().GetStatus()
		if earlier == nil {
			continue
		}
		forces = durations.Add(forces, durations.Since(own.GetForces(), earlier.GetForces()))
		waits = durations.Add(waits, durations.Since(own.GetExchangeWaits(), earlier.GetExchangeWaits()))
	}
	return forces, waits
}

// outcomes gives the rates of the outcomes that are most frequent, by name.
func outcomes(a, b *wirepb.Activity, rate func(before, now uint64) figure) map[string]figure {
	before := map[string]uint64{}
	for _, o := range a.GetOutcomes() {
		before[o.GetName()] = o.GetCount()
	}
	rates := map[string]figure{}
	for _, o := range b.GetOutcomes() {
		rates[o.GetName()] = rate(before[o.GetName()], o.GetCount())
	}
	if len(rates) <= mostOutcomes {
		return rates
	}
	names := slices.SortedFunc(maps.Keys(rates), func(x, y string) int {
		return cmp.Or(cmp.Compare(rates[y], rates[x]), cmp.Compare(x, y))
	})
	for _, name := range names[mostOutcomes-1:] {
		rates["other"] += rates[name]
		delete(rates, name)
	}
	return rates
}
