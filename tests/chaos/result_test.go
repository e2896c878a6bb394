package chaos

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Bounds of what a run may take. The state of a shard is about 100 KiB here, so
// they are about what the daemons keep besides it.
const (
	mostMemory      = 768 << 20 // of any process
	mostLogEver     = 512 << 20 // of a node, while nodes are away
	mostLog         = 128 << 20 // of a node, at rest, with its reserve
	mostDatabase    = 32 << 20  // state.db of a shard
	historyFixed    = 20 << 20  // history.db of the coordinator, which begins with 16 MiB …
	historyPerBlock = 4 << 10   // … and for every block
)

// result is what a run came to, for people and programs.
type result struct {
	Test          string             `json:"test"`
	Seed          uint64             `json:"seed"`
	Seconds       float64            `json:"seconds"`
	Steps         map[string]int     `json:"steps"`
	Kills         int64              `json:"kills"`
	Blocks        int                `json:"blocks"`
	Transactions  int                `json:"transactions"`
	Across        int                `json:"transactions_across_shards"`
	AcrossPerSec  float64            `json:"transactions_across_shards_per_second"`
	Answers       map[string]int     `json:"answers"`
	Abandoned     int                `json:"blocks_given_up_as_aborted"`
	Reads         int                `json:"reads"`
	ShardReads    int                `json:"shard_reads"`
	ReadsChecked  int                `json:"glimpses_checked"`
	LongestPause  float64            `json:"longest_seconds_without_progress"`
	SmallBlocksMs map[string]float64 `json:"small_blocks_ms"`
	MemoryBytes   map[string]int64   `json:"peak_memory_bytes"`
	LogBytes      map[string]int64   `json:"peak_log_bytes"`
	FileBytes     map[string]int64   `json:"file_bytes"`
	Coordinators  int                `json:"coordinators"`
	// Failovers are from the SIGKILL of a leader to the next committed block.
	Failovers   int                `json:"failovers,omitempty"`
	FailoversMs map[string]float64 `json:"failover_ms,omitempty"`

	took time.Duration
}

// account fills the result and checks it.
func (g *game) account() {
	g.t.Helper()
	a, r := g.load.answers, &g.result
	r.Test, r.Seed, r.Seconds = g.t.Name(), g.seed, r.took.Seconds()
	r.Coordinators = len(g.Coordinators)
	r.Steps, r.Kills = g.nemesis.counts, g.kills()
	r.Blocks, r.Transactions, r.Across = len(g.audit.history), g.audit.transactions, g.audit.across
	r.AcrossPerSec = float64(r.Across) / r.Seconds
	r.Answers, r.Abandoned, r.LongestPause = a.counts, len(a.abandoned), a.longest.Seconds()
	r.Reads, r.ShardReads, r.ReadsChecked = g.readers.whole, g.readers.straight, g.audit.reads
	r.SmallBlocksMs = percentiles(a.quickest)
	r.MemoryBytes, r.LogBytes, r.FileBytes = map[string]int64{}, map[string]int64{}, map[string]int64{}
	for _, m := range g.members {
		r.MemoryBytes[m.Name], r.LogBytes[m.Name] = m.peak.Load(), m.log.Load()
		for _, file := range []string{"log", "state.db", "history.db"} {
			if bytes := size(filepath.Join(m.Data, file)); bytes > 0 {
				r.FileBytes[m.Name+"/"+file] = bytes
			}
		}
	}
	for _, wrong := range r.wrong(g.long, g.leastRate, g.leastKills) {
		g.t.Error(wrong)
	}
}

// wrong says what is not enough or too much in a run that was under faults for
// so long, and was to commit so many transactions across shards a second and to have
// so many kills a minute.
func (r *result) wrong(long time.Duration, perSecond, killsPerMinute float64) (all []string) {
	note := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if r.AcrossPerSec < perSecond {
		note("%.0f transactions across shards a second, want at least %.0f", r.AcrossPerSec, perSecond)
	}
	if least := int64(killsPerMinute * long.Minutes()); long >= leastKilling && r.Kills < least {
		note("%d kills, want at least %d", r.Kills, least)
	}
	if r.ReadsChecked == 0 || r.Reads == 0 || r.ShardReads == 0 {
		note("%d reads of all shards and %d of one, %d checked: want some of each", r.Reads, r.ShardReads, r.ReadsChecked)
	}
	for name, bytes := range r.MemoryBytes {
		if bytes == 0 || bytes > mostMemory {
			note("%s needed %d bytes of memory, want some, and %d at most", name, bytes, mostMemory)
		}
	}
	for name, bytes := range r.LogBytes {
		if bytes > mostLogEver {
			note("the log of %s took %d bytes, want %d at most", name, bytes, mostLogEver)
		}
	}
	for name, bytes := range r.FileBytes {
		if most := r.most(filepath.Base(name)); bytes > most {
			note("%s has %d bytes, want %d at most", name, bytes, most)
		}
	}
	return all
}

// most is how large a file of a stopped node may be.
func (r *result) most(file string) int64 {
	switch file {
	case "log":
		return mostLog
	case "state.db":
		return mostDatabase
	}
	return historyFixed + historyPerBlock*int64(r.Blocks)
}

// size adds up a file, or all files below a folder.
func size(path string) (all int64) {
	_ = filepath.WalkDir(path, func(_ string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			all += info.Size()
		}
		return nil
	})
	return all
}

func percentiles(all []time.Duration) map[string]float64 {
	if len(all) == 0 {
		return nil
	}
	slices.Sort(all)
	at := func(part float64) float64 { return float64(all[int(part*float64(len(all)-1))].Microseconds()) / 1000 }
	return map[string]float64{"p50": at(0.5), "p95": at(0.95), "max": at(1)}
}

// show prints the result, and adds it to the file for programs.
func (r *result) show(t *testing.T) {
	t.Helper()
	t.Logf("steps of the nemesis:\n  %s", strings.Join(sortedKinds(r.Steps), "\n  "))
	t.Logf("%.0f s, %d kills; %d blocks, %d transactions, %d of them across shards: %.0f a second; longest without progress %.1f s",
		r.Seconds, r.Kills, r.Blocks, r.Transactions, r.Across, r.AcrossPerSec, r.LongestPause)
	t.Logf("answers %v, %d blocks given up as aborted; small blocks took %v ms", r.Answers, r.Abandoned, r.SmallBlocksMs)
	if r.Failovers > 0 {
		t.Logf("%d leaders killed; from the kill to the next committed block %v ms", r.Failovers, r.FailoversMs)
	}
	t.Logf("%d reads of all shards, %d of one", r.Reads, r.ShardReads)
	for _, name := range slices.Sorted(maps.Keys(r.MemoryBytes)) {
		t.Logf("%-12s at most %d MiB of memory and %d MiB of log", name, r.MemoryBytes[name]>>20, r.LogBytes[name]>>20)
	}
	for _, name := range slices.Sorted(maps.Keys(r.FileBytes)) {
		t.Logf("%-24s %6d KiB in the end", name, r.FileBytes[name]>>10)
	}
	if *jsonFlag == "" {
		return
	}
	line, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(*jsonFlag, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(append(line, '\n')); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}
