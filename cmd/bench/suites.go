package main

import (
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// measurement is one run of "lockstep bench".
type measurement struct {
	name string
	args []string // without "bench" and "-o json"
}

// suite is cases, and the table of what they came to.
type suite struct {
	cases func(options) []measurement
	table func([]result) string
}

var suites = map[string]suite{
	"bars":     {barCases, barTable},
	"accounts": {accountCases, accountTable},
	"blocks":   {blockCases, blockTable},
	"shards":   {shardCases, shardTable},
}

func suiteNames() []string { return slices.Sorted(maps.Keys(suites)) }

// Names of the cases of bars.
const (
	caseLarge    = "1m"
	caseSmall    = "100k"
	casePostgres = "postgres"
	caseLedger   = "ledger"
	caseAccesses = "accesses"
	caseRestart  = "restart"
	caseMemory   = "memory"
)

// fullTime is what memory is watched for with -full.
const fullTime = 10 * time.Minute

func barCases(o options) []measurement {
	rounds, duration := strconv.Itoa(o.rounds), o.duration.String()
	watched := 4 * o.duration
	if o.full {
		watched = fullTime
	}
	all := []measurement{
		{caseLarge, []string{"--accounts", "1000000", "--duration", duration, "--rounds", rounds, "--compare", "bare"}},
		{caseSmall, []string{"--accounts", "100000", "--duration", duration, "--rounds", rounds, "--compare", "bare"}},
		{casePostgres, []string{"--accounts", "1000000", "--duration", duration, "--compare", "postgres"}},
	}
	for _, file := range []struct{ name, path string }{{caseLedger, "ledger-A.jsonl.gz"}, {caseAccesses, "accesses-A.jsonl.gz"}} {
		all = append(all, measurement{file.name, []string{
			"--input", filepath.Join(o.traces, file.path), "--compare", "bare", "--rounds", strconv.Itoa(fileRounds * o.rounds),
		}})
	}
	return append(all,
		measurement{caseRestart, []string{"--accounts", "1000000", "--duration", "2s", "--latency-blocks", "0", "--restart"}},
		measurement{caseMemory, []string{"--accounts", "1000000", "--duration", watched.String(), "--latency-blocks", "0", "--away", watched.String()}},
	)
}

// fileRounds is how many times more rounds a file takes: it is done in less
// than a second.
const fileRounds = 3

func accountCases(o options) (all []measurement) {
	for _, n := range []int{10_000, 100_000, 1_000_000, 10_000_000} {
		all = append(all, measurement{strconv.Itoa(n), []string{
			"--accounts", strconv.Itoa(n), "--duration", o.duration.String(), "--restart", "--restart-log", strconv.Itoa(64 << 20),
		}})
	}
	return all
}

func blockCases(o options) (all []measurement) {
	for n := 1; n <= 100_000; n *= 10 {
		all = append(all, measurement{strconv.Itoa(n), []string{
			"--block-size", strconv.Itoa(n), "--duration", o.duration.String(), "--latency-blocks", "0",
		}})
	}
	return all
}

func shardCases(o options) (all []measurement) {
	for n := 1; n <= 16; n *= 2 {
		all = append(all, measurement{strconv.Itoa(n), []string{
			"--shards", strconv.Itoa(n), "--accounts", "1000000", "--duration", o.duration.String(), "--latency-blocks", "0",
		}})
	}
	return all
}
