package main

import (
	"fmt"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

func accountTable(results []result) string {
	t := newMarkdown("accounts", "transfers a second", "until checkpointed", "checkpointed after, s", "CPU, µs a transfer", "written, B a transfer",
		"latency of one / force", "restart, s", "log, B a block", "database", "most memory of a shard")
	for _, r := range results {
		if r.Report == nil {
			t.row(count(r.name), unknown, unknown, unknown, unknown, unknown, unknown, unknown, unknown, unknown, unknown)
			continue
		}
		single, again, log, database := unknown, unknown, unknown, unknown
		if f, ok := latency(r.Report); ok {
			single = three(f.value)
		}
		if s := r.Restart; s != nil {
			again, database = three(s.Ready), mebibytes(s.Database)
			log = report.Count(s.Log / max(int64(s.Heights), 1))
		}
		t.row(count(r.name), report.Count(int(r.Throughput)), report.Count(int(r.Settled)), three(r.SettledIn-r.Seconds),
			orUnknown(r.CPUPer), orUnknown(r.WrittenPer), single, again, log, database, mebibytes(peakShard(r.Report)))
	}
	t.note("Restart of all processes with 64 MiB of log on the shards together; log and databases are those of all shards.")
	return t.String()
}

func blockTable(results []result) string {
	t := newMarkdown("transfers a block", "transfers a second", "blocks a second", "latency p50, ms", "p99, ms", "CPU, µs a transfer", "CPU, µs a block", "forces a block", "written, B a transfer")
	for _, r := range results {
		if r.Report == nil {
			t.row(count(r.name), unknown, unknown, unknown, unknown, unknown, unknown, unknown, unknown)
			continue
		}
		size := float64(r.Tx) / float64(max(r.Blocks, 1))
		t.row(count(r.name), report.Count(int(r.Throughput)), report.Count(int(r.Throughput/max(size, 1))), three(r.Latency.P50), three(r.Latency.P99),
			orUnknown(r.CPUPer), orUnknown(times(r.CPUPer, size)), orUnknown(times(r.FsyncsPer, size)), orUnknown(r.WrittenPer))
	}
	return t.String()
}

func times(v *float64, by float64) *float64 {
	if v == nil {
		return nil
	}
	product := *v * by
	return &product
}

func shardTable(results []result) string {
	t := newMarkdown("shards", "transfers a second", "across shards", "CPU of the coordinator, µs a transfer", "CPU of all shards, µs a transfer", "transfers for a second of the coordinator's CPU", "most memory of a shard")
	var load []cost
	for _, r := range results {
		if r.Report == nil {
			t.row(count(r.name), unknown, unknown, unknown, unknown, unknown, unknown)
			continue
		}
		c := cost{across: r.Cross}
		c.coordinator, c.shards = cpuPer(r.Report)
		load = append(load, c)
		t.row(count(r.name), report.Count(int(r.Throughput)), fmt.Sprintf("%.0f %%", 100*r.Cross), three(c.coordinator), three(c.shards),
			report.Count(int(1e6/max(c.coordinator, 1e-9))), mebibytes(peakShard(r.Report)))
	}
	t.note("%s", modelOf(load))
	return t.String()
}

// count writes a number of a name with commas.
func count(digits string) string {
	n := 0
	if _, err := fmt.Sscan(digits, &n); err != nil {
		return digits
	}
	return report.Count(n)
}
