package main

import (
	"fmt"
	"strings"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench"
)

// bar is a figure that the project holds itself to.
type bar struct {
	what  string
	of    string // name of the case
	least float64
	most  float64 // bounds of the figure; 0 for no such bound
	read  func(*bench.Report) (figure, bool)
}

// figure is what was measured.
type figure struct {
	value float64
	more  string // lowest and highest, or whatever belongs to it
	wrong bool   // something beside the value does not hold
}

// flat is the growth of memory that still counts as none.
const flat = 0.10

var bars = []bar{
	{what: "throughput / `bare`, 1,000,000 accounts", of: caseLarge, least: 1, read: against(bench.Bare)},
	{what: "throughput / `bare`, 100,000 accounts", of: caseSmall, least: 0.5, read: against(bench.Bare)},
	{what: "throughput / `postgres`, 1,000,000 accounts", of: casePostgres, least: 30, read: against(bench.Postgres)},
	{what: "throughput / `postgres_block`, 1,000,000 accounts", of: casePostgres, least: 0.7, read: against(bench.PostgresBlock)},
	{what: "real transfers / `bare`, in order", of: caseLedger, least: 0.5, read: against(bench.Bare)},
	{what: "real accesses / `bare`, in order", of: caseAccesses, least: 0.5, read: against(bench.Bare)},
	{what: "block of one transaction, median / force of 4 KiB", of: caseLarge, most: 15, read: latency},
	{what: "restart to ready / reading the files once", of: caseRestart, most: 10, read: restart},
	{what: "most memory of a shard under load, MiB", of: caseMemory, most: 400, read: memory},
	{what: "growth of memory while a shard is away, %", of: caseMemory, most: 100 * flat, read: absence},
}

func against(system string) func(*bench.Report) (figure, bool) {
	return func(r *bench.Report) (figure, bool) {
		c, ok := r.Compare[system]
		return figure{value: c.Ratio, more: fmt.Sprintf("%s to %s", three(c.Lowest), three(c.Highest))}, ok
	}
}

func latency(r *bench.Report) (figure, bool) {
	if r.Tiny == nil || r.FsyncP50 <= 0 {
		return figure{}, false
	}
	return figure{value: r.Tiny.P50 / r.FsyncP50, more: fmt.Sprintf("%s ms / %s ms", three(r.Tiny.P50), three(r.FsyncP50))}, true
}

func restart(r *bench.Report) (figure, bool) {
	if r.Restart == nil {
		return figure{}, false
	}
	return figure{value: r.Restart.Ratio, more: fmt.Sprintf("%s s / %.3f s for %s", three(r.Restart.Ready), r.Restart.Read, mebibytes(r.Restart.Log+r.Restart.Database))}, true
}

func memory(r *bench.Report) (figure, bool) {
	grown := shardGrowth(r)
	return figure{
		value: float64(peakShard(r)) / (1 << 20), wrong: grown > flat,
		more: fmt.Sprintf("%+.0f%% from the second to the last fifth of %s s", 100*grown, three(r.Seconds)),
	}, len(r.Processes) > 0
}

func absence(r *bench.Report) (figure, bool) {
	if r.Away == nil {
		return figure{}, false
	}
	return figure{value: 100 * survivorGrowth(r.Away), more: fmt.Sprintf("%s s", three(r.Away.Seconds))}, true
}

// met reports whether a figure is within the bounds.
func (b bar) met(f figure) bool {
	return !f.wrong && (b.least == 0 || f.value >= b.least) && (b.most == 0 || f.value <= b.most)
}

func (b bar) bound() string {
	if b.least > 0 {
		return fmt.Sprintf("≥ %g", b.least)
	}
	return fmt.Sprintf("≤ %g", b.most)
}

func barTable(results []result) string {
	t := newMarkdown("figure", "held to", "measured", "", "met", "command")
	for _, b := range bars {
		r := named(results, b.of)
		f, ok := figure{}, false
		if r.Report != nil {
			f, ok = b.read(r.Report)
		}
		command := "`lockstep bench " + strings.Join(r.args, " ") + "`"
		if !ok {
			t.row(b.what, b.bound(), unknown, "not measured", unknown, command)
			continue
		}
		met := "yes"
		if !b.met(f) {
			met = "**no**"
		}
		t.row(b.what, b.bound(), three(f.value), f.more, met, command)
	}
	return t.String()
}

func named(results []result, name string) result {
	for _, r := range results {
		if r.name == name {
			return r
		}
	}
	return result{}
}
