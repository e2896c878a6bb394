package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/recovery"
	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/protocol"
)

// newShard opens a shard on a new directory.
func newShard(t *testing.T) (dir string, s *executor.Shard) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "shard0")
	s, err := executor.Open(executor.Options{Directory: dir, Coordinators: []string{"127.0.0.1:1"}, Address: "127.0.0.1:1",
		Machine: ledger.Machine{}, Logger: hclog.NewNullLogger(), MinFreeBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	return dir, s
}

func stoppedShard(t *testing.T) string {
	t.Helper()
	dir, s := newShard(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func stoppedCoordinator(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "coordinator")
	c, err := coordinator.Open(coordinator.Options{Directory: dir, Shards: 1, Limits: protocol.DefaultLimits(), Logger: hclog.NewNullLogger(),
		Protocol: protocol.CoordinatorOptions{Window: protocol.DefaultWindow}, MinFreeBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestRecoverSound(t *testing.T) {
	shard, coordinator := stoppedShard(t), stoppedCoordinator(t)
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"inspect", "--data", shard}, "shard 0, of no cluster"},
		{[]string{"inspect", "--records", "--data", coordinator}, "epoch_claimed"},
		{[]string{"verify", "--data", shard}, "sound: nothing is wrong"},
		{[]string{"verify", "--data", shard, "--decisions", coordinator}, "never took part in a cluster"},
		{[]string{"verify", "--data", coordinator}, "sound: nothing is wrong"},
		{[]string{"repair", "--data", shard, "--yes"}, "there is nothing to mend"},
		{[]string{"resolve", "--data", shard, "--decisions", coordinator, "--yes"}, "nothing is in doubt"},
		{[]string{"compare", shard, coordinator}, "they tell one history"},
		{[]string{"dump", "--data", shard, "--height"}, `"height":0`},
	} {
		r := lockstep(t, "", append([]string{"recover"}, test.args...)...)
		if r.code != cli.ExitDone || r.err != "" || !strings.Contains(r.out, test.want) {
			t.Errorf("%v: exit code %d, standard error %q, output\n%s\nwant %q", test.args, r.code, r.err, r.out, test.want)
		}
	}
}

func TestRecoverDamaged(t *testing.T) {
	dir := stoppedShard(t)
	if err := os.Remove(filepath.Join(dir, "log", "META")); err != nil {
		t.Fatal(err)
	}
	// An identity that is gone cannot be told from a log that is not there yet,
	// unless something else in it says so; the database does.
	for _, args := range [][]string{
		{"inspect", "--data", dir}, {"verify", "--data", dir}, {"repair", "--data", dir, "--yes"}, {"compare", dir},
	} {
		r := lockstep(t, "", append(append([]string{"recover"}, args...), "-o", "json")...)
		wantFailure(t, r, cli.ExitRefused, "")
		if !json.Valid([]byte(r.out)) || !strings.Contains(r.out, `"do":"`) {
			t.Errorf("%v: output %q", args, r.out)
		}
		r = lockstep(t, "", append([]string{"recover"}, args...)...)
		if !strings.Contains(r.out, "do not belong together") {
			t.Errorf("%v: output %q", args, r.out)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, recovery.AuditFile)); !os.IsNotExist(err) {
		t.Errorf("something was noted although nothing was done: %v", err)
	}
}

func TestRecoverCannotLook(t *testing.T) {
	dir, s := newShard(t)
	defer s.Close()
	for _, verb := range []string{"inspect", "verify", "dump", "repair"} {
		wantFailure(t, lockstep(t, "", "recover", verb, "--data", dir), cli.ExitFailed, "stop the daemon that runs on it first")
	}
	wantFailure(t, lockstep(t, "", "recover", "verify", "--data", t.TempDir()), cli.ExitFailed, "not a data directory")
	wantFailure(t, lockstep(t, "", "recover", "verify", "--data", dir, "--decisions", dir), cli.ExitFailed, "is not the data directory of a coordinator")
}

func TestRecoverUsage(t *testing.T) {
	dir := stoppedShard(t)
	for _, test := range []struct{ args, sentence string }{
		{"resolve --data " + dir, "without decisions there is no evidence"},
		{"verify", "needs --data"},
		{"compare", "needs a DIR"},
		{"verify --coordinator x:1 --decisions y --data " + dir, "exclude each other"},
		{"verify --timeout 0s --coordinator x:1 --data " + dir, "--timeout must be more than 0"},
	} {
		wantFailure(t, lockstep(t, "", append([]string{"recover"}, strings.Fields(test.args)...)...), cli.ExitUsage, test.sentence)
	}
}
