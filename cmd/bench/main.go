package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	binary   string
	dir      string        // where the JSON of the runs is kept
	from     string        // where it is read from in place of running; "" to run
	traces   string        // folder of the files with real blocks
	duration time.Duration // of one measurement
	rounds   int           // of a comparison
	full     bool          // ten minutes for the rows on memory
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, story io.Writer) error {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(story)
	f.StringVar(&o.binary, "binary", "bin/lockstep", "the `FILE` to measure")
	f.StringVar(&o.dir, "dir", "bin/bench", "`DIR` to keep the JSON of every run in")
	f.StringVar(&o.from, "from", "", "`DIR` with the JSON of an earlier run, to make the tables of")
	f.StringVar(&o.traces, "traces", "../shared/traces", "`DIR` with the real blocks")
	f.DurationVar(&o.duration, "duration", 12*time.Second, "of one measurement")
	f.IntVar(&o.rounds, "rounds", 3, "of a comparison, in turn with what is compared")
	f.BoolVar(&o.full, "full", false, "take ten minutes each for memory under load and without a shard")
	f.Usage = func() {
		fmt.Fprintf(story, "usage: bench [flags] %s ...\n", strings.Join(suiteNames(), "|"))
		f.PrintDefaults()
	}
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() == 0 {
		return fmt.Errorf("say which suite to run: %s", strings.Join(suiteNames(), ", "))
	}
	for _, name := range f.Args() {
		if err := runSuite(ctx, name, o, out, story); err != nil {
			return err
		}
	}
	return nil
}

// runSuite measures, or reads what was measured, and prints the table.
func runSuite(ctx context.Context, name string, o options, out, story io.Writer) error {
	s, known := suites[name]
	if !known {
		return fmt.Errorf("there is no suite %q: take one of %s", name, strings.Join(suiteNames(), ", "))
	}
	cases := s.cases(o)
	keep := store{dir: o.from, suite: name}
	if o.from == "" {
		keep.dir = o.dir
		if err := measureAll(ctx, o.binary, keep, cases, story); err != nil {
			return err
		}
	}
	results, err := keep.read(cases)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", s.table(results))
	return err
}
