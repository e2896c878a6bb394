package bench

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/workload"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
)

// Systems to compare with.
const (
	Bare     = "bare"
	Postgres = "postgres"
	// PostgresBlock comes with Postgres.
	PostgresBlock = "postgres_block"
)

// mostRestartLog bounds Options.RestartLog: a shard keeps many times as much in
// memory.
const mostRestartLog = 4 << 30

// Options say what to measure.
type Options struct {
	Executable  string // the binary that has the coordinator and shard commands
	Coordinator string // of a cluster that runs already; "" to start one
	Shards      int    // of a cluster that is started
	// Coordinators of a cluster that is started; 0 means one.
	Coordinators int

	Workload workload.Options // Slots are those of the cluster
	Input    string           // transaction file in place of a workload; "" for none

	Duration      time.Duration // how long blocks are submitted; 0 for no bound
	Blocks        int           // how many; 0 for no bound
	Pipeline      int           // most blocks under way at once
	Rounds        int
	LatencyBlocks int           // blocks of one transaction, one at a time; 0 for none
	Compare       []string      // Bare, Postgres
	Restart       bool          // kill all processes under load and time their start
	RestartLog    int64         // bytes of the shards' logs at that moment
	Away          time.Duration // keep a shard away under load for so long; 0 for not
	Verify        bool          // prove in the end that every byte is as it should be

	// TLS has everybody of a cluster that is started prove who it is. Identity is who
	// uses one that runs; nil for plaintext.
	TLS      bool
	Identity *identity.Identity

	Directory string // "" for a temporary one
	Keep      bool   // leave the data behind
	HTML      string // file for the page; "" for none
	JSON      bool
	Out, Err  io.Writer // results, and the story
}

// Validate refuses options that do not fit together.
func (o Options) Validate() error {
	for _, name := range o.Compare {
		if name != Bare && name != Postgres {
			return cli.Usagef("--compare takes %s and %s, not %q", Bare, Postgres, name)
		}
	}
	switch {
	case o.Duration <= 0 && o.Blocks <= 0 && o.Input == "":
		return cli.Usagef("nothing ends the load: give --duration or --blocks")
	case o.Coordinator != "" && len(o.Compare) > 0:
		return cli.Usagef("--compare needs a cluster on this machine and disk: leave out --coordinator")
	case o.Coordinator != "" && o.Coordinators > 1:
		return cli.Usagef("--coordinators is for a cluster that is started: leave out --coordinator")
	case o.Coordinator != "" && (o.Verify || o.Keep || o.Rounds > 1):
		return cli.Usagef("--verify, --keep and --rounds need a cluster of their own: leave out --coordinator")
	case o.Coordinator != "" && (o.Restart || o.Away > 0):
		return cli.Usagef("--restart and --away stop processes of their own cluster: leave out --coordinator")
	case o.Input != "" && (o.Restart || o.Away > 0):
		return cli.Usagef("--restart and --away go on with a generated workload: leave out --input")
	case o.Restart && o.RestartLog <= 0 || o.RestartLog > mostRestartLog:
		return cli.Usagef("--restart-log must be between 1 and %d, not %d", int64(mostRestartLog), o.RestartLog)
	case o.Away < 0:
		return cli.Usagef("--away must not be less than 0, but is %v", o.Away)
	case o.Input != "" && slices.Contains(o.Compare, Postgres):
		return cli.Usagef("--compare postgres knows the generated workloads only: with --input, compare with bare")
	}
	return cli.Usage(o.Workload.Validate())
}

// workspace is the directory of all data of a run.
type workspace struct {
	dir  string
	made []string // what to remove, in that order; the last first
}

// newWorkspace makes the directory, or takes an empty one.
func newWorkspace(dir string) (*workspace, error) {
	if dir == "" {
		temporary, err := os.MkdirTemp("", "lockstep-bench-")
		if err != nil {
			return nil, fmt.Errorf("make a directory for the data: %w", err)
		}
		return &workspace{dir: temporary, made: []string{temporary}}, nil
	}
	full, err := filepath.Abs(dir)
	if err != nil {
		return nil, cli.Usage(err)
	}
	w := &workspace{dir: full}
	entries, err := os.ReadDir(full)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		w.made = []string{full}
		return w, cli.Usage(os.MkdirAll(full, 0o700))
	case err != nil:
		return nil, cli.Usage(err)
	case len(entries) > 0:
		return nil, cli.Usagef("--data: %s is not empty: give another directory", full)
	}
	return w, nil
}

// folder makes a directory for one system in one round.
func (w *workspace) folder(name string, round int) (string, error) {
	dir := filepath.Join(w.dir, fmt.Sprintf("%s-%d", name, round+1))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", fmt.Errorf("make a directory for the data: %w", err)
	}
	w.made = append(w.made, dir)
	return dir, nil
}

// clean removes everything that was made.
func (w *workspace) clean() error {
	var all error
	for _, dir := range slices.Backward(w.made) {
		all = errors.Join(all, os.RemoveAll(dir))
	}
	return all
}
