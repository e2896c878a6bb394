package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"
)

// sum is what all runs of a target come to.
type sum struct {
	target                    string
	seconds                   float64
	coverage, mutation, fresh uint64
	failures                  int
	result                    string // of the last run
}

func (s *sum) add(r record) {
	s.seconds += r.seconds
	s.fresh += r.fresh
	switch r.kind {
	case byCoverage:
		s.coverage += r.executions
	case byMutation:
		s.mutation += r.executions
	}
	s.result = r.result
	if r.result != passed {
		s.failures++
	}
}

// sums adds up runs by target, in the order of names, and all of them.
func sums(list []record) (targets []sum, all sum) {
	byTarget := map[string]*sum{}
	all.target = "all"
	for _, r := range list {
		s := byTarget[r.target]
		if s == nil {
			s = &sum{target: r.target}
			byTarget[r.target] = s
		}
		s.add(r)
		all.add(r)
	}
	for _, s := range byTarget {
		targets = append(targets, *s)
	}
	slices.SortFunc(targets, func(a, b sum) int {
		if a.target < b.target {
			return -1
		}
		return 1
	})
	all.result = passed
	for _, s := range targets {
		if s.result != passed {
			all.result = "not all ok"
		}
	}
	return targets, all
}

// printTable writes what the file of runs comes to. Executions led by coverage and
// those of the mutator are different things, and stand apart.
func printTable(w io.Writer, name string) error {
	list, err := records(name)
	if err != nil {
		return err
	}
	targets, all := sums(list)
	out := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	row := func(s sum) {
		result := s.result
		if s.failures > 0 && result == passed {
			result = fmt.Sprintf("ok, %d failed before", s.failures)
		}
		fmt.Fprintf(out, "%s\t%.0f\t%s\t%s\t%s\t%s\t\n", s.target, s.seconds, digits(s.coverage), digits(s.fresh), digits(s.mutation), result)
	}
	fmt.Fprintln(out, "target\tseconds\texecutions led by coverage\tnew inputs\texecutions of the mutator\tresult\t")
	for _, s := range targets {
		row(s)
	}
	row(all)
	if err := out.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\n%s executions in all: %s led by coverage, %s of the mutator.\n", digits(all.coverage+all.mutation), digits(all.coverage), digits(all.mutation))
	return err
}

// digits writes a number in groups of three.
func digits(n uint64) string {
	text := strconv.FormatUint(n, 10)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
