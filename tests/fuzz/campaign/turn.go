package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const module = "github.com/lockstep-exec/lockstep"

// grace is how much longer than it should a run may take before it counts as hung.
const grace = 3 * time.Minute

// binaries are test programs of the packages that have targets: one as it is, for the
// mutator, and one that counts coverage.
type binaries struct {
	dir    string // of the programs
	corpus string // what go test keeps of its findings, in folders of import paths
	commit string
}

// prepare makes room for programs, which are built when their turn comes.
func prepare(ctx context.Context) (b *binaries, err error) {
	b = &binaries{}
	cache, err := output(ctx, "go", "env", "GOCACHE")
	if err != nil {
		return nil, err
	}
	b.corpus = filepath.Join(cache, "fuzz")
	if b.commit, err = output(ctx, "git", "describe", "--always", "--dirty"); err != nil {
		b.commit = "unknown"
	}
	if b.dir, err = os.MkdirTemp("", "lockstep-fuzz-"); err != nil {
		return nil, err
	}
	return b, nil
}

// build gives the test program of a target's package.
func (b *binaries) build(ctx context.Context, t target, k kind) (program string, err error) {
	args, name := []string{"test", "-c"}, strings.ReplaceAll(t.dir, "/", "-")
	if k == byCoverage {
		args, name = append(args, "-fuzz", "."), name+"-coverage"
	}
	program = filepath.Join(b.dir, name)
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	if _, err := output(ctx, "go", append(args, "-o", program, "./"+t.dir)...); err != nil {
		return "", fmt.Errorf("build the tests of %s: %w", t.dir, err)
	}
	return program, nil
}

func (b *binaries) remove() { _ = os.RemoveAll(b.dir) }

func output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var trouble bytes.Buffer
	cmd.Stderr = &trouble
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(trouble.Bytes()))
	}
	return strings.TrimSpace(string(out)), err
}

// turn runs a target both ways, writes down the counts, and says whether all was well.
func (b *binaries) turn(ctx context.Context, t target, o options) (ok bool, err error) {
	for _, way := range []struct {
		kind  kind
		share time.Duration
		args  []string
	}{
		{byCoverage, o.coverage, []string{
			"-test.run=^$", "-test.fuzz=^" + t.name + "$", "-test.fuzztime=" + o.coverage.String(), "-test.parallel=1",
			"-test.fuzzminimizetime=20x", "-test.fuzzcachedir=" + b.cache(t),
		}},
		{byMutation, o.mutate, []string{"-test.run=^" + t.name + "$"}},
	} {
		if way.share == 0 || ctx.Err() != nil || way.kind == byMutation && !t.mutable {
			continue
		}
		program, err := b.build(ctx, t, way.kind)
		if ctx.Err() != nil {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		r, report := b.execute(ctx, program, t, way.kind, way.share, way.args)
		if ctx.Err() != nil && r.result != passed {
			return true, nil // it was told to end, and has not come to its count
		}
		if err := r.appendTo(o.record); err != nil {
			return false, err
		}
		fmt.Println(r)
		if r.result != passed {
			fmt.Fprintln(os.Stderr, report)
			return false, nil
		}
	}
	return true, nil
}

func (b *binaries) cache(t target) string { return filepath.Join(b.corpus, module, t.dir) }

func (b *binaries) execute(ctx context.Context, program string, t target, k kind, share time.Duration, args []string) (r record, report string) {
	ctx, cancel := context.WithTimeout(ctx, share+grace)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = filepath.FromSlash(t.dir)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	if k == byMutation {
		cmd.Env = append(cmd.Env, "LOCKSTEP_MUTATE="+share.String(), "LOCKSTEP_MUTATE_CORPUS="+b.cache(t))
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	start := time.Now()
	out, err := cmd.CombinedOutput()
	r = record{at: start, commit: b.commit, target: t.String(), kind: k, seconds: time.Since(start).Seconds(), result: passed}
	var counted bool
	r.executions, r.fresh, counted = count(string(out))
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		r.result = "hangs"
	case err != nil && !timeWasUp.MatchString(string(out)):
		r.result = "failed"
	case !counted:
		r.result = "no count"
	}
	return r, string(out)
}

var (
	mutated = regexp.MustCompile(`(?m)^mutated \S+: (\d+) executions`)
	covered = regexp.MustCompile(`(?m)^fuzz: elapsed: .*, execs: (\d+) \([^)]*\)(?:, new interesting: (\d+) .*)?$`)
	// gathered is all that is told of a run that was over before the corpus was.
	gathered = regexp.MustCompile(`(?m)^fuzz: elapsed: .*, gathering baseline coverage: (\d+)/\d+ completed$`)
)

// timeWasUp is what Go's fuzzer prints if its time ends at a bad moment, and nothing was
// found (golang.org/issue/48157): whatever is found stands below this line.
var timeWasUp = regexp.MustCompile(`(?m)^--- FAIL: Fuzz\S+ \([0-9.]+s\)\n\s+context deadline exceeded\nFAIL\n?\z`)

// count reads off the output of a run how many executions there were and how many
// inputs were new, of the last line that tells.
func count(out string) (executions, fresh uint64, ok bool) {
	for _, form := range []*regexp.Regexp{mutated, covered, gathered} {
		lines := form.FindAllStringSubmatch(out, -1)
		if len(lines) == 0 {
			continue
		}
		last := lines[len(lines)-1]
		executions, _ = strconv.ParseUint(last[1], 10, 64)
		if len(last) > 2 && last[2] != "" {
			fresh, _ = strconv.ParseUint(last[2], 10, 64)
		}
		return executions, fresh, true
	}
	return 0, 0, false
}
