package bench

import (
	"slices"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/measure"
)

// report puts everything together.
func (b *bench) report(fsync measure.Percentiles) Report {
	median := b.medianRound()
	o := median.ours
	r := Report{
		Throughput: o.pace(), Latency: measure.PercentilesOf(o.latencies()), FsyncP50: fsync.P50, Fsync: fsync,
		Settled: float64(o.transactions) / max(o.settled.Seconds(), 1e-9), Seconds: o.elapsed.Seconds(), SettledIn: o.settled.Seconds(),
		Cross: o.crossShare(), Blocks: len(o.samples), Tx: o.transactions, Outcomes: o.outcomes,
		Compare: map[string]Comparison{}, Checks: b.rounds[0].ours.checks, Restart: b.rounds[0].ours.restart, Away: b.rounds[0].ours.away, Processes: o.processes, Peak: map[string]int64{},
		Settings: b.settings(), Machine: measure.ThisMachine(b.space.dir), Began: o.began, Pace: paceOf(o.result), Latencies: binsOf(o.latencies()),
	}
	if tiny := b.tiny(); len(tiny) > 0 {
		p := measure.PercentilesOf(tiny)
		r.Tiny = &p
	}
	r.addUsage()
	for name := range median.rivals {
		r.Compare[name] = b.comparison(name, r)
	}
	for _, one := range b.rounds {
		rr := RoundReport{Throughput: one.ours.pace(), Compare: map[string]float64{}}
		for name, f := range one.rivals {
			rr.Compare[name] = f.Throughput
		}
		r.Rounds = append(r.Rounds, rr)
	}
	return r
}

// medianRound is the one with the median throughput; of an even number of
// rounds the lower of both.
func (b *bench) medianRound() round {
	sorted := slices.Clone(b.rounds)
	slices.SortFunc(sorted, func(x, y round) int { return int(x.ours.pace() - y.ours.pace()) })
	return sorted[(len(sorted)-1)/2]
}

// tiny are the latencies of the round that has them.
func (b *bench) tiny() []time.Duration { return b.rounds[0].ours.tiny }

// addUsage adds up what the daemons used.
func (r *Report) addUsage() {
	cpu, written, known := 0.0, 0.0, false
	forced, counted := int64(0), 0
	for _, p := range r.Processes {
		if p.Name == loadGenerator {
			continue
		}
		r.Peak[p.Name] = p.Peak
		cpu += p.CPUPer
		if p.Written != nil {
			written, known = written+per(float64(*p.Written), r.Tx), true
		}
		if p.Fsyncs != nil {
			forced, counted = forced+*p.Fsyncs, counted+1
		}
	}
	if len(r.Peak) > 0 {
		r.CPUPer = &cpu
	}
	if known {
		r.WrittenPer = &written
	}
	if counted > 0 && counted == len(r.Peak) {
		each := per(float64(forced), r.Tx)
		r.FsyncsPer = &each
	}
}

func (b *bench) comparison(name string, r Report) Comparison {
	var ratios, settled []float64
	for _, one := range b.rounds {
		theirs := max(one.rivals[name].Throughput, 1e-9)
		ratios = append(ratios, one.ours.pace()/theirs)
		settled = append(settled, float64(one.ours.transactions)/max(one.ours.settled.Seconds(), 1e-9)/theirs)
	}
	c := Comparison{
		Figures: b.medianRound().rivals[name], What: whatIs[name],
		Ratio: measure.Median(ratios), Lowest: slices.Min(ratios), Highest: slices.Max(ratios), SettledBy: measure.Median(settled),
	}
	if c.CPUPer != nil && *c.CPUPer > 0 && r.CPUPer != nil {
		ratio := *r.CPUPer / *c.CPUPer
		c.CPURatio = &ratio
	}
	return c
}

// whatIs says what was compared with.
var whatIs = map[string]string{
	Bare:          "one process, the same machine, one bbolt file per shard: no log, votes, network or atomicity",
	Postgres:      "PostgreSQL, a database per shard, each transaction committed in two phases, many at once",
	PostgresBlock: "PostgreSQL, a database per shard, one UPDATE per block and shard, committed in two phases",
}

func (b *bench) settings() Settings {
	o := b.options
	s := Settings{
		Shards: b.config.Shards(), Coordinators: max(o.Coordinators, 1), Workload: string(o.Workload.Kind), Accounts: o.Workload.Accounts, BlockSize: o.Workload.BlockSize, Pipeline: o.Pipeline,
		Seed: o.Workload.Seed, Input: o.Input, DistinctBlock: len(b.supply.blocks), Coordinator: o.Coordinator,
		LoadGenerator: "on the same machine; blocks are made and encoded ahead, in memory, before the measured time, and sending them is part of it",
	}
	if o.Input != "" {
		s.Workload, s.Accounts = "file", 0
		return s
	}
	switch s.Workload {
	case "zipf":
		s.Skew = &o.Workload.Skew
	case "single":
		s.SingleShare = &o.Workload.SingleShare
	case "read-mostly":
		s.ReadShare = &o.Workload.ReadShare
	}
	return s
}
