package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
)

// certify makes an authority in a folder, and an identity of each role below it.
func certify(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, args := range [][]string{
		{"ca", "--cluster", "prod", "--out", in("ca")},
		{"coordinator", "c1", "--ca", in("ca"), "--out", in("c1"), "--host", "localhost,127.0.0.1"},
		{"shard", "0", "--ca", in("ca"), "--out", in("shard0"), "--days", "3"},
		{"client", "app", "--ca", in("ca"), "--out", in("app")},
		{"operator", "alice", "--ca", in("ca"), "--out", in("alice")},
		{"viewer", "eye", "--ca", in("ca"), "--out", in("eye")},
	} {
		if r := lockstep(t, "", append([]string{"certs"}, args...)...); r.code != cli.ExitDone {
			t.Fatalf("%v: exit code %d: %s", args, r.code, r.err)
		}
	}
	return dir
}

func TestCertsMakesWhatIsUsable(t *testing.T) {
	dir := certify(t)
	for folder, want := range map[string]string{
		"c1": "lockstep://prod/coordinator/c1", "shard0": "lockstep://prod/shard/0", "app": "lockstep://prod/client/app",
		"alice": "lockstep://prod/operator/alice", "eye": "lockstep://prod/viewer/eye",
	} {
		i, err := identity.Open(filepath.Join(dir, folder), identity.Options{})
		if err != nil || i.Name().String() != want {
			t.Errorf("%s: %s, %v", folder, i.Name(), err)
		}
	}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && path != dir {
			info, _ := e.Info()
			if want := map[bool]os.FileMode{true: 0o700, false: 0o600}[e.IsDir()]; info.Mode().Perm() != want {
				t.Errorf("%s has mode %v", path, info.Mode())
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestCertsShow(t *testing.T) {
	dir := certify(t)
	r := lockstep(t, "", "certs", "show", filepath.Join(dir, "shard0"), filepath.Join(dir, "c1", "tls.crt"), "-o", "json")
	var shown struct{ Certificates []shownCertificate }
	if err := json.Unmarshal([]byte(r.out), &shown); err != nil || len(shown.Certificates) != 3 {
		t.Fatalf("%v: %s", err, r.out)
	}
	shard, ca, coordinator := shown.Certificates[0], shown.Certificates[1], shown.Certificates[2]
	if shard.Identity != "lockstep://prod/shard/0" || shard.DaysLeft != 2 || ca.Identity != "" || ca.DaysLeft < 3600 || strings.Join(coordinator.Hosts, " ") != "localhost 127.0.0.1" {
		t.Errorf("got %+v", shown.Certificates)
	}
	if table := lockstep(t, "", "certs", "show", filepath.Join(dir, "app")); table.code != cli.ExitDone || !strings.Contains(table.out, "lockstep://prod/client/app") {
		t.Errorf("exit code %d: %s%s", table.code, table.out, table.err)
	}
}

func TestCertsRefuses(t *testing.T) {
	dir := certify(t)
	ca, fresh := filepath.Join(dir, "ca"), filepath.Join(dir, "fresh")
	for _, test := range []struct {
		says string
		code int
		args []string
	}{
		{"is there already", cli.ExitFailed, []string{"client", "app", "--ca", ca, "--out", filepath.Join(dir, "app")}},
		{"is there already", cli.ExitFailed, []string{"ca", "--cluster", "prod", "--out", ca}},
		{"the name of a shard is its number", cli.ExitUsage, []string{"shard", "one", "--ca", ca, "--out", fresh}},
		{"the name of a cluster is", cli.ExitUsage, []string{"ca", "--cluster", "Prod Cluster", "--out", fresh}},
		{"longer than the authority lasts", cli.ExitUsage, []string{"client", "app", "--ca", ca, "--out", fresh, "--days", "3651"}},
		{"--days must be between", cli.ExitUsage, []string{"client", "app", "--ca", ca, "--out", fresh, "--days", "0"}},
		{"read the authority", cli.ExitFailed, []string{"client", "app", "--ca", fresh, "--out", fresh}},
		{"neither tls.crt nor ca.crt", cli.ExitFailed, []string{"show", dir}},
		{"where certificates are expected", cli.ExitFailed, []string{"show", filepath.Join(dir, "app", "tls.key")}},
	} {
		r := lockstep(t, "", append([]string{"certs"}, test.args...)...)
		if r.code != test.code || !strings.Contains(r.err, test.says) || strings.Count(r.err, "\n") != 1 {
			t.Errorf("%v: exit code %d, %q, want %q", test.args, r.code, r.err, test.says)
		}
	}
	if _, err := os.Stat(fresh); err == nil {
		t.Error("something was written")
	}
}
