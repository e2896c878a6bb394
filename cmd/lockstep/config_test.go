package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
)

// configFile writes a config file for a test, and gives its path.
func configFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lockstep.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfigCheck(t *testing.T) {
	r := lockstep(t, "", "config", "check", "shard", configFile(t, "id: 3\ndata: /x\ncoordinator: localhost:7400\n"))
	if want := "shard: sound: settings from the file: 3, from the environment: 0, from flags: 0, defaults: 16\n"; r.code != cli.ExitDone || r.out != want {
		t.Errorf("exit code %d, printed %q, want %q; %s", r.code, r.out, want, r.err)
	}
}

func TestConfigCheckFindsWhatADaemonWouldRefuse(t *testing.T) {
	const shard = "data: /x\nid: 0\ncoordinator: localhost:7400\n"
	for _, test := range []struct{ daemon, content, sentence string }{
		{"shard", "data: /x\n", `needs --coordinator and --id: give the flag, or set LOCKSTEP_COORDINATOR, or "coordinator" in the config file`},
		{"shard", shard + "lisen: x\n", `lockstep.yaml:4: there is no setting "lisen": did you mean "listen"?`},
		{"shard", shard + "workers: many\n", `lockstep.yaml:4: workers must be a whole number, not "many"`},
		{"shard", shard + "listen: 7410\n", `--listen must be HOST:PORT, not "7410"`},
		{"shard", shard + "http: localhost:99999\n", `--http must have a port from 0 to 65535, not "99999"`},
		{"shard", shard + "checkpoint-age: 0s\n", "--checkpoint-age must be more than 0"},
		{"shard", shard + "output: json\n", `there is no setting "output"`},
		{"shard", "data: /x\nid: 0\ncoordinator: ','\n", "--coordinator must be HOST:PORT"},
		{"coordinator", "data: /x\nwindow: 1000\n", "--window must be between 1 and"},
		{"coordinator", "data: /x\npeers: c1\n", `--peers: "c1" is not NAME=ADDRESS`},
		{"coordinator", "data: ''\n", "needs --data"},
		{"coordinator", "data: /x\nqueue-blocks: -1\n", "--queue-blocks must not be less than 0, but is -1"},
		{"coordinator", "data: /x\nblock-timeout: -5s\n", "--block-timeout must not be less than 0, but is -5s"},
		{"shard", shard + "workers: -1\n", "--workers must not be less than 0, but is -1"},
		{"coordinator", "data: /x\nmax-key-bytes: 0\n", "key"},
		{"coordinator", "id: 0\n", `lockstep.yaml:1: there is no setting "id"`},
	} {
		for _, verb := range []string{"check", "show"} {
			wantFailure(t, lockstep(t, "", "config", verb, test.daemon, configFile(t, test.content)), cli.ExitUsage, test.sentence)
		}
	}
}

func TestConfigCheckWarnsOfVariablesThatNobodyReads(t *testing.T) {
	t.Setenv("LOCKSTEP_LISTN", "x")
	r := lockstep(t, "", "config", "check", "coordinator", "--data", "/x")
	if r.code != cli.ExitDone || !strings.Contains(r.err, `LOCKSTEP_LISTN is a setting of no command: did you mean "LOCKSTEP_LISTEN"?`) {
		t.Errorf("exit code %d, standard error %q", r.code, r.err)
	}
}

func TestConfigShow(t *testing.T) {
	t.Setenv("LOCKSTEP_COORDINATOR", "10.0.0.1:7400")
	args := []string{"config", "show", "shard", "testdata/shard3.yaml", "--listen", "10.0.0.6:7410", "--tls", "/srv/lockstep/tls"}
	wantDone(t, lockstep(t, "", args...), "config-show.txt")

	r := lockstep(t, "", append(args, "-o", "json")...)
	var shown struct {
		Daemon   string
		Settings []cli.Setting
	}
	if err := json.Unmarshal([]byte(r.out), &shown); err != nil {
		t.Fatalf("%v in %s", err, r.out)
	}
	if want := (cli.Setting{Name: "id", Value: "3", From: cli.FromFile, Where: "testdata/shard3.yaml:1"}); shown.Daemon != "shard" || shown.Settings[0] != want {
		t.Errorf("got %+v", shown)
	}
}

// TestConfigExamples: what is printed is sound as it stands, and with any line
// that is behind a '#'.
func TestConfigExamples(t *testing.T) {
	for _, kind := range daemonKinds {
		r := lockstep(t, "", "config", "example", kind.name)
		if r.code != cli.ExitDone {
			t.Fatalf("exit code %d: %s", r.code, r.err)
		}
		all := regexp.MustCompile(`(?m)^#([a-z])`).ReplaceAllString(r.out, "$1")
		for _, content := range []string{r.out, all} {
			if checked := lockstep(t, "", "config", "check", kind.name, configFile(t, content)); checked.code != cli.ExitDone {
				t.Errorf("%s: exit code %d: %s in\n%s", kind.name, checked.code, checked.err, content)
			}
		}
	}
}
