package chaos

import (
	"testing"
	"time"
)

// A run that was not worth it, or took too much, fails.
func TestWrongResult(t *testing.T) {
	const long = 10 * time.Minute
	sound := func() *result {
		return &result{
			AcrossPerSec: leastRate, Kills: 10 * leastKills, Reads: 1, ShardReads: 1, ReadsChecked: 1, Blocks: 1000,
			MemoryBytes: map[string]int64{"shard0": mostMemory}, LogBytes: map[string]int64{"shard0": mostLogEver},
			FileBytes: map[string]int64{"shard0/log": mostLog, "shard0/state.db": mostDatabase, "coordinator/history.db": historyFixed + 1000*historyPerBlock},
		}
	}
	if wrong := sound().wrong(long, leastRate, leastKills); len(wrong) > 0 {
		t.Errorf("a sound run: %v", wrong)
	}
	for name, plant := range map[string]func(*result){
		"too slow":         func(r *result) { r.AcrossPerSec-- },
		"too few kills":    func(r *result) { r.Kills-- },
		"nothing read":     func(r *result) { r.Reads = 0 },
		"nothing checked":  func(r *result) { r.ReadsChecked = 0 },
		"much memory":      func(r *result) { r.MemoryBytes["shard0"]++ },
		"unknown memory":   func(r *result) { r.MemoryBytes["shard0"] = 0 },
		"a log that grew":  func(r *result) { r.LogBytes["shard0"]++ },
		"a log that stays": func(r *result) { r.FileBytes["shard0/log"]++ },
		"a large database": func(r *result) { r.FileBytes["shard0/state.db"]++ },
		"a large history":  func(r *result) { r.FileBytes["coordinator/history.db"]++ },
	} {
		r := sound()
		plant(r)
		if wrong := r.wrong(long, leastRate, leastKills); len(wrong) != 1 {
			t.Errorf("%s: found %v", name, wrong)
		}
	}
}
