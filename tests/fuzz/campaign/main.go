// Command campaign runs every fuzz target of the module in turns: for a time led by
// coverage, by go test's own fuzzer, then for a time with the mutator of package
// fuzz, which is faster and starts from what the first has found. It writes down how
// many executions there were of each kind, and adds up what it has ever written.
//
//	go run ./tests/fuzz/campaign -for 10m -record runs.tsv
//
// It begins with the targets that had the least time so far, and takes one core. An interrupt ends it after the target that runs, with the table.
// Its exit status is 1 if a target failed; the input is then in testdata/fuzz.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

// options are what the command line says.
type options struct {
	duration         time.Duration // of all; 0 is one turn of every target
	coverage, mutate time.Duration // of one target in one turn
	only             *regexp.Regexp
	record           string
	table            bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	failed := false
	if err == nil && !o.table {
		failed, err = run(ctx, o)
	}
	if err == nil {
		err = printTable(os.Stdout, o.record)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "campaign:", err)
		os.Exit(2)
	}
	if failed {
		os.Exit(1)
	}
}

func parse(args []string) (o options, err error) {
	f := flag.NewFlagSet("campaign", flag.ContinueOnError)
	f.DurationVar(&o.duration, "for", 0, "how long to go on with turns; 0 is one turn of every target")
	f.DurationVar(&o.coverage, "coverage", 10*time.Second, "time of a target in a turn, led by coverage; 0 leaves that out")
	f.DurationVar(&o.mutate, "mutate", 20*time.Second, "time of a target in a turn, with the mutator; 0 leaves that out")
	f.StringVar(&o.record, "record", filepath.Join("bin", "fuzz", "runs.tsv"), "file of all runs; new ones are added")
	f.BoolVar(&o.table, "table", false, "run nothing, print what the file of runs comes to")
	only := f.String("run", "", "regular expression of targets, such as wal.FuzzDecode")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.only, err = regexp.Compile(*only)
	return o, err
}

// run goes on with turns until the time is over, and says whether a target failed.
// One that did is left out from then on.
func run(ctx context.Context, o options) (failed bool, err error) {
	targets, err := find(o.only)
	if err != nil {
		return false, err
	}
	if len(targets) == 0 {
		return false, fmt.Errorf("no target matches %q: give -run a part of a name such as wal.FuzzDecodeEntry, at the root of the module", o.only)
	}
	if err := leastFirst(targets, o.record); err != nil {
		return false, err
	}
	b, err := prepare(ctx)
	if err != nil {
		return false, err
	}
	defer b.remove()
	var end time.Time
	if o.duration > 0 {
		end = time.Now().Add(o.duration)
	}
	for turn := 0; len(targets) > 0 && (turn == 0 || time.Now().Before(end)); turn++ {
		var sound []target
		for _, t := range targets {
			if turn > 0 && time.Now().After(end) {
				return failed, nil
			}
			ok, err := b.turn(ctx, t, o)
			if err != nil || ctx.Err() != nil {
				return failed, err
			}
			if ok {
				sound = append(sound, t)
			}
			failed = failed || !ok
		}
		targets = sound
	}
	return failed, nil
}
