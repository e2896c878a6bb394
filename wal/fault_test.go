package wal

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The tests in this file make system calls of a writing process fail, or end
// the process at them, one after the other. They need strace, and leave to do
// without it.

// fullJob is a job that comes through all that a log does: creation, segment
// changes, trims in every place, a clean end.
func fullJob(dir string, run uint32) job {
	return job{dir: dir, run: run, segment: 900, rounds: 12, trim: 3, reserve: 5000}
}

// injector runs jobs under strace.
type injector struct {
	t     *testing.T
	paths []string // strace looks at these only
}

// newInjector finds out which files a full job and the mending after it touch.
// Faults hit these and not what the Go runtime does for itself.
func newInjector(t *testing.T, dir string) *injector {
	t.Helper()
	if testing.Short() {
		t.Skip("runs processes")
	}
	if out, err := exec.Command("strace", "-o", "/dev/null", "true").CombinedOutput(); err != nil {
		t.Skipf("strace does not work here: %v %s", err, out)
	}
	in := &injector{t: t, paths: []string{dir, filepath.Dir(dir)}}
	for _, name := range []string{metaName, markName, reserveName, lockName} {
		in.paths = append(in.paths, filepath.Join(dir, name), filepath.Join(dir, name+tempSuffix))
	}
	for seq := uint64(1); seq < 80; seq++ {
		name := filepath.Join(dir, segmentName(seq))
		in.paths = append(in.paths, name, name+startSuffix, name+tempSuffix, name+startSuffix+tempSuffix)
	}
	return in
}

// run runs a job and does something at the nth of the system calls.
func (in *injector) run(j job, call, what string, nth int) report {
	in.t.Helper()
	return j.start(in.t, in.args("/dev/null", call, "-e", fmt.Sprintf("inject=%s:%s:when=%d", call, what, nth))...).wait(in.t)
}

func (in *injector) args(output, call string, more ...string) []string {
	args := append([]string{"strace", "-f", "-qq", "-o", output, "-e", "trace=" + call}, more...)
	for _, p := range in.paths {
		args = append(args, "-P", p)
	}
	return args
}

// count returns how often a job makes a system call.
func (in *injector) count(j job, call string) int {
	in.t.Helper()
	must(in.t, os.RemoveAll(j.dir))
	trace := filepath.Join(in.t.TempDir(), "trace")
	r := j.start(in.t, in.args(trace, call)...).wait(in.t)
	text, err := os.ReadFile(trace)
	must(in.t, err)
	if r.state.ExitCode() != exitDone {
		in.t.Fatalf("job without faults: %v %s", r.state, r.stderr)
	}
	return strings.Count(string(text), call+"(")
}

// sample returns up to n of the numbers 1 to total, all of them in the long
// form.
func sample(rng *rand.Rand, n, total int) []int {
	all := rng.Perm(total)
	if !long {
		all = all[:min(n, total)]
	}
	for i := range all {
		all[i]++
	}
	return all
}

// TestFailingCalls lets each system call of a full job fail once. The log must
// take it for the end, though the next call would succeed: nothing that was
// acknowledged is lost, and nothing comes of what was not.
func TestFailingCalls(t *testing.T) {
	for _, fault := range []struct{ call, err string }{
		{"fsync", "EIO"},
		{"write", "EIO"},
		{"write", "ENOSPC"},
		{"pwrite64", "EIO"},
		{"renameat", "EIO"},
		{"unlinkat", "EIO"},
		{"openat", "EMFILE"},
	} {
		t.Run(fault.call+" "+fault.err, func(t *testing.T) { failing(t, fault.call, fault.err) })
	}
}

func failing(t *testing.T, call, errno string) {
	w := newWorld(filepath.Join(scratch(t), "log"), 900)
	in := newInjector(t, w.dir)
	total := in.count(fullJob(w.dir, 0), call)
	rng := rand.New(rand.NewPCG(7, uint64(total)))
	codes := map[int]int{}
	for _, nth := range sample(rng, times(16, 0), total) {
		must(t, os.RemoveAll(w.dir))
		w := newWorld(w.dir, 900)
		j := fullJob(w.dir, uint32(nth))
		r := in.run(j, call, "error="+errno, nth)
		codes[r.state.ExitCode()]++
		w.learn(j, r)
		w.settle(t)
		again(t, w)
	}
	t.Logf("%d of %d calls: %d logs poisoned, %d not opened, %d unharmed", codes[exitFailed]+codes[exitRefused]+codes[exitDone], total, codes[exitFailed], codes[exitRefused], codes[exitDone])
	if codes[exitFailed]+codes[exitRefused] == 0 {
		t.Error("no fault had an effect")
	}
}

// again lets a second process go on where the first one stopped.
func again(t *testing.T, w *world) {
	t.Helper()
	j := job{dir: w.dir, run: 1 << 20, segment: 900, rounds: 2}
	r := j.start(t).wait(t)
	if r.state.ExitCode() != exitDone {
		t.Fatalf("second process: %s", r.stderr)
	}
	w.learn(j, r)
	w.settle(t)
}

// TestKilledAtEveryCall ends a process at each system call by which it changes
// something: in creation, append, segment change, trim and close. Then another
// one opens the log, and is ended likewise while it mends.
func TestKilledAtEveryCall(t *testing.T) {
	w := newWorld(filepath.Join(scratch(t), "log"), 900)
	in := newInjector(t, w.dir)
	rng := rand.New(rand.NewPCG(8, 9))
	killed, mending := 0, 0
	for _, call := range []string{"openat", "write", "pwrite64", "fsync", "renameat", "unlinkat", "flock"} {
		for _, nth := range sample(rng, times(12, 0), in.count(fullJob(w.dir, 0), call)) {
			must(t, os.RemoveAll(w.dir))
			w := newWorld(w.dir, 900)
			j := fullJob(w.dir, uint32(nth))
			r := in.run(j, call, "signal=SIGKILL", nth)
			if !r.killed() {
				t.Fatalf("%s %d: %v %s", call, nth, r.state, r.stderr)
			}
			killed++
			w.learn(j, r)

			j = fullJob(w.dir, uint32(nth)+5000)
			r = in.run(j, call, "signal=SIGKILL", 1+rng.IntN(10))
			if r.killed() {
				mending++
			}
			w.learn(j, r)
			w.settle(t)
			again(t, w)
		}
	}
	t.Logf("%d processes killed, each at another call; %d more at a call of the one after", killed, mending)
}

// TestShortWrites sets a limit to the size of files, so that a write puts down
// a part of a record and the next one nothing.
func TestShortWrites(t *testing.T) {
	if testing.Short() {
		t.Skip("runs processes")
	}
	base := scratch(t)
	count, cuts := 0, 0
	for limit := int64(8192); limit < 8192+300; limit += int64(stride(7)) {
		w := newWorld(filepath.Join(base, "log"), 1<<20)
		must(t, os.RemoveAll(w.dir))
		j := job{dir: w.dir, run: uint32(limit), segment: 1 << 20, fileSize: limit}
		r := j.start(t).wait(t)
		if r.state.ExitCode() != exitFailed || !strings.Contains(r.stderr, "file too large") && !strings.Contains(r.stderr, "short write") {
			t.Fatalf("limit %d: %v %s", limit, r.state, r.stderr)
		}
		w.learn(j, r)
		cuts += w.settle(t)
		again(t, w)
		count++
	}
	t.Logf("%d short writes, %d tails cut", count, cuts)
	if cuts == 0 {
		t.Error("no write was short")
	}
}
