package serve

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// What a block allocates is garbage a moment later, and half the runs of the
	// garbage collector at Go's default of 100 are 3 to 15 % less processor time.
	// So the heap of a shard may grow to three times what is in use …
	mostGrowthPercent = 200
	// … as long as that is not more memory than this, or than half of what is in
	// use: then growing further would save little and cost much.
	growthBytes        = 96 << 20
	leastGrowthPercent = 50

	collectorInterval = 200 * time.Millisecond
	// collectorStep is the least change worth telling the runtime, which stops
	// the process for a moment.
	collectorStep = 10
)

// growthPercent is how much a heap of which so many bytes are in use may grow,
// in percent of them, before the garbage collector runs.
func growthPercent(live uint64) int {
	return int(min(max(growthBytes*100/max(live, 1), leastGrowthPercent), mostGrowthPercent))
}

// TuneCollector keeps to growthPercent until ctx ends, unless GOGC says
// otherwise. The coordinator keeps Go's default: what it holds for clients that
// wait is large, and in use.
func TuneCollector(ctx context.Context) {
	if _, set := os.LookupEnv("GOGC"); set {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	tick := time.NewTicker(collectorInterval)
	defer tick.Stop()
	for percent := 0; ; {
		metrics.Read(live)
		if p := growthPercent(live[0].Value.Uint64()); p > percent+collectorStep || p < percent-collectorStep {
			percent = p
			debug.SetGCPercent(percent)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
