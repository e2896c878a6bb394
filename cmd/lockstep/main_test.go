package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
)

var update = flag.Bool("update", false, "write the golden files of testdata anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// result is what one command line came to.
type result struct {
	code     int
	out, err string
}

// lockstep runs a command line; input is its standard input.
func lockstep(t *testing.T, input string, args ...string) result {
	t.Helper()
	var out, err bytes.Buffer
	r := root()
	r.SetIn(strings.NewReader(input))
	r.SetOut(&out)
	r.SetErr(&err)
	code := cli.Run(t.Context(), r, args)
	return result{code, out.String(), err.String()}
}

// wantDone checks the exit code, and the output against testdata/golden.
func wantDone(t *testing.T, r result, golden string) {
	t.Helper()
	if r.code != cli.ExitDone || r.err != "" {
		t.Fatalf("exit code %d, standard error %q", r.code, r.err)
	}
	wantGolden(t, r.out, golden)
}

// wantFailure checks the exit code, and that standard error is one sentence.
func wantFailure(t *testing.T, r result, code int, sentence string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d", r.code, code)
	}
	if !strings.HasPrefix(r.err, "lockstep: ") || strings.Count(r.err, "\n") != 1 || !strings.Contains(r.err, sentence) {
		t.Errorf("standard error has\n%s\nwant one line with\n%s", r.err, sentence)
	}
}

func wantGolden(t *testing.T, got, name string) {
	t.Helper()
	got = speed.ReplaceAllString(got, "in TIME, SPEED a second")
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
	for line := range strings.Lines(got) {
		if n := len([]rune(line)) - 1; strings.HasSuffix(name, ".txt") && n > 80 {
			t.Errorf("%s: line of %d columns: %s", path, n, line)
		}
	}
}

// speed is what differs from run to run.
var speed = regexp.MustCompile(`in [0-9.µmns]+, [0-9,]+ a second`)
