package main

import (
	"os"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/clustertest"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

func TestCheckPerf(t *testing.T) {
	s := clustertest.Start(t)
	s.Cluster.Shards = []*wirepb.ShardStatus{{Id: 0, Address: s.Address}}
	dir := t.TempDir()
	lenient := []string{"check", "perf", "--max-force-p50", "1e6", "--max-force-p99", "1e6", "--min-write", "0", "--max-round-trip-p50", "1e6", "--max-round-trip-p99", "1e6", "--max-late", "1e6"}
	r := lockstep(t, "", append(lenient, "--coordinator", s.Address)...)
	if r.code != cli.ExitDone || !strings.HasSuffix(r.out, "\nPASS\n") || !strings.Contains(r.out, "network: shard-0, p99") {
		t.Errorf("exit code %d: %s%s", r.code, r.out, r.err)
	}
	r = lockstep(t, "", append(lenient, "--data", dir, "--max-force-p50", "0", "-o", "json")...)
	if !strings.HasPrefix(r.out, `{"pass":false,`) || !strings.Contains(r.out, "every block waits for two forces") {
		t.Errorf("printed %s", r.out)
	}
	wantFailure(t, r, cli.ExitFailed, "not fast enough: ")
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	r = lockstep(t, "", append(lenient, "--coordinator", "127.0.0.1:1")...)
	if !strings.Contains(r.out, "network: shards: nobody says where they are: cannot reach the coordinator at 127.0.0.1:1") {
		t.Errorf("printed %s", r.out)
	}
	wantFailure(t, r, cli.ExitFailed, "2 of 4 checks failed")
}

func TestCheckPerfOfNothing(t *testing.T) {
	wantFailure(t, lockstep(t, "", "check", "perf"), cli.ExitUsage, "give --data, --coordinator or both")
	wantFailure(t, lockstep(t, "", "check", "perf", "--coordinator", "127.0.0.1:1", "--load"), cli.ExitUsage, "--load needs a disk")
	wantFailure(t, lockstep(t, "", "check", "perf", "--coordinator", "nowhere"), cli.ExitUsage, `"nowhere" is not an address`)
	wantFailure(t, lockstep(t, "", "check", "perf", "--data", "/nonexistent"), cli.ExitFailed, "/nonexistent")
}
