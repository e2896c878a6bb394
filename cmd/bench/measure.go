package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench"
)

// store keeps the JSON of the runs of one suite.
type store struct{ dir, suite string }

// result is a case and its report, nil if there is none.
type result struct {
	measurement
	*bench.Report
}

func (s store) path(m measurement) string {
	return filepath.Join(s.dir, s.suite+"-"+m.name+".json")
}

// measureAll runs the cases one after the other. One that fails is told and
// left out: what it needs may be missing here.
func measureAll(ctx context.Context, binary string, keep store, cases []measurement, story io.Writer) error {
	if err := os.MkdirAll(keep.dir, 0o750); err != nil {
		return fmt.Errorf("keep what is measured: %w", err)
	}
	began := time.Now()
	for i, m := range cases {
		fmt.Fprintf(story, "\n%s, %d of %d, after %s: lockstep bench %s\n", keep.suite, i+1, len(cases), time.Since(began).Round(time.Second), strings.Join(m.args, " "))
		err := measureOne(ctx, binary, keep.path(m), m, story)
		if ctx.Err() != nil {
			return errors.New("interrupted; what was measured is kept")
		}
		if err != nil {
			fmt.Fprintf(story, "%s %s is left out: %v\n", keep.suite, m.name, err)
		}
	}
	return nil
}

// endTime is what the binary has to clean up after an interrupt.
const endTime = 30 * time.Second

// measureOne runs one case into a file, which has the whole result or is not there.
func measureOne(ctx context.Context, binary, path string, m measurement, story io.Writer) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	command := exec.CommandContext(ctx, binary, append([]string{"bench", "-o", "json"}, m.args...)...)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGINT) }
	command.WaitDelay = endTime
	command.Stderr = story
	out, err := command.Output()
	if err != nil {
		return err
	}
	return os.WriteFile(path, out, 0o600)
}

// read gives the results of all cases.
func (s store) read(cases []measurement) (all []result, err error) {
	found := false
	for _, m := range cases {
		r := result{measurement: m}
		content, err := os.ReadFile(s.path(m))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, err
		default:
			found = true
			if err := json.Unmarshal(content, &r.Report); err != nil {
				return nil, fmt.Errorf("%s is not what lockstep bench -o json prints: %w", s.path(m), err)
			}
		}
		all = append(all, r)
	}
	if !found {
		return nil, fmt.Errorf("%s has nothing of suite %s: run it first", s.dir, s.suite)
	}
	return all, nil
}
