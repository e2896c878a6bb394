package main

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/executor/ledger"
)

// newDirectoriesVar makes TestNewDirectoriesAreForced the process that is
// watched, which makes data directories in the folder that it names.
const newDirectoriesVar = "LOCKSTEP_TEST_NEW_DIRECTORIES"

// makeDirectories starts nodes on data directories that do not exist, nor do
// those above them.
func makeDirectories(base string) error {
	c, err := coordinator.Open(coordinator.Options{Directory: filepath.Join(base, "a", "coordinator"), Shards: 1,
		Logger: hclog.NewNullLogger(), MinFreeBytes: -1})
	if err != nil {
		return err
	}
	s, err := executor.Open(executor.Options{Directory: filepath.Join(base, "b", "shard"), Coordinators: []string{"127.0.0.1:1"},
		Address: "127.0.0.1:1", Machine: ledger.Machine{}, Logger: hclog.NewNullLogger(), MinFreeBytes: -1})
	if err == nil {
		err = s.Close()
	}
	return errors.Join(err, c.Close())
}

// TestNewDirectoriesAreForced follows the system calls of a start on new data
// directories: a loss of power must not take the name of a directory away
// after something in it was acknowledged.
func TestNewDirectoriesAreForced(t *testing.T) {
	if base := os.Getenv(newDirectoriesVar); base != "" {
		if err := makeDirectories(base); err != nil {
			t.Fatal(err)
		}
		return
	}
	if out, err := exec.Command("strace", "-o", "/dev/null", "true").CombinedOutput(); err != nil {
		t.Skipf("strace does not work here: %v %s", err, out)
	}
	base, trace := t.TempDir(), filepath.Join(t.TempDir(), "trace")
	cmd := exec.Command("strace", "-f", "-qq", "-y", "-s", "4096", "-e", "trace=mkdir,mkdirat,fsync", "-o", trace,
		os.Args[0], "-test.run=^TestNewDirectoriesAreForced$")
	cmd.Env = append(os.Environ(), newDirectoriesVar+"="+base)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	calls, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	made, unforced := names(string(calls), base)
	if len(unforced) > 0 {
		t.Errorf("the names of these were never forced: %v", slices.Sorted(maps.Keys(unforced)))
	}
	for _, dir := range []string{"a", "a/coordinator", "a/coordinator/log", "b", "b/shard", "b/shard/log"} {
		if !made[filepath.Join(base, dir)] {
			t.Errorf("saw nobody make %s", dir)
		}
	}
}

var (
	mkdirCall = regexp.MustCompile(`mkdir(?:at)?\(.*"([^"]+)"`)
	fsyncCall = regexp.MustCompile(`fsync\(\d+<([^>]*)>`)
)

// names tells from system calls which directories below base were made, and
// which of them are not forced, in the directory above them, since then.
func names(calls, base string) (made, unforced map[string]bool) {
	made, unforced = map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(calls) {
		if m := mkdirCall.FindStringSubmatch(line); m != nil && strings.HasPrefix(m[1], base+"/") && !strings.Contains(line, " = -1") {
			made[m[1]], unforced[m[1]] = true, true
		}
		if m := fsyncCall.FindStringSubmatch(line); m != nil {
			for dir := range unforced {
				if filepath.Dir(dir) == m[1] {
					delete(unforced, dir)
				}
			}
		}
	}
	return made, unforced
}
