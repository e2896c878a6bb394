package main

import (
	"strings"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench"
)

// processes of a report, by what they are.
const (
	coordinator = "coordinator"
	shardPrefix = "shard"
)

// peakShard is the most memory that any shard took.
func peakShard(r *bench.Report) (most int64) {
	for name, bytes := range r.Peak {
		if strings.HasPrefix(name, shardPrefix) {
			most = max(most, bytes)
		}
	}
	return most
}

// shardGrowth is the largest growth of a shard's memory from the second fifth
// of the measured time to the last: 0.1 is a tenth.
func shardGrowth(r *bench.Report) float64 {
	most := 0.0
	for _, p := range r.Processes {
		if strings.HasPrefix(p.Name, shardPrefix) {
			most = larger(most, p.Early, p.Late)
		}
	}
	return most
}

// survivorGrowth is the largest growth from the first to the last mean while a
// shard was away.
func survivorGrowth(a *bench.Away) float64 {
	most := 0.0
	for _, s := range a.Survivors {
		most = larger(most, s.First, s.Last)
	}
	return most
}

func larger(most float64, from, to int64) float64 {
	if from <= 0 {
		return most
	}
	return max(most, float64(to)/float64(from)-1)
}

// cpuPer gives the processor time for a transaction, in µs, of the coordinator
// and of all shards together.
func cpuPer(r *bench.Report) (ofCoordinator, ofShards float64) {
	for _, p := range r.Processes {
		switch {
		case p.Name == coordinator:
			ofCoordinator += p.CPUPer
		case strings.HasPrefix(p.Name, shardPrefix):
			ofShards += p.CPUPer
		}
	}
	return ofCoordinator, ofShards
}
