package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// kind is how inputs were chosen.
type kind string

const (
	byCoverage kind = "coverage"
	byMutation kind = "mutation"
)

// passed is the result of a run without a finding.
const passed = "ok"

// record is one run of one target, a line in the file of runs.
type record struct {
	at         time.Time
	commit     string
	target     string
	kind       kind
	seconds    float64
	executions uint64
	fresh      uint64 // inputs that reached new code
	result     string
}

// fields of a line, between tabs.
const fields = 8

func (r record) String() string {
	return strings.Join([]string{
		r.at.UTC().Format(time.RFC3339), r.commit, r.target, string(r.kind), strconv.FormatFloat(r.seconds, 'f', 1, 64),
		strconv.FormatUint(r.executions, 10), strconv.FormatUint(r.fresh, 10), r.result,
	}, "\t")
}

func parseRecord(line string) (r record, err error) {
	f := strings.Split(line, "\t")
	if len(f) != fields {
		return r, fmt.Errorf("%d fields instead of %d", len(f), fields)
	}
	r = record{commit: f[1], target: f[2], kind: kind(f[3]), result: f[7]}
	var errs [4]error
	r.at, errs[0] = time.Parse(time.RFC3339, f[0])
	r.seconds, errs[1] = strconv.ParseFloat(f[4], 64)
	r.executions, errs[2] = strconv.ParseUint(f[5], 10, 64)
	r.fresh, errs[3] = strconv.ParseUint(f[6], 10, 64)
	return r, errors.Join(errs[:]...)
}

func (r record) appendTo(name string) (err error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.WriteString(r.String() + "\n")
	return err
}

// noRuns: the file of runs is not there. It is fs.ErrNotExist.
type noRuns struct{ name string }

func (e noRuns) Error() string {
	return fmt.Sprintf("no run is recorded in %s: run some targets first, or name the file with -record", e.name)
}

func (noRuns) Unwrap() error { return fs.ErrNotExist }

// records reads the file of runs.
func records(name string) (list []record, err error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noRuns{name}
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		r, err := parseRecord(lines.Text())
		if err != nil {
			return nil, fmt.Errorf("line %d of %s is not of a run: %w", n, name, err)
		}
		list = append(list, r)
	}
	return list, lines.Err()
}
