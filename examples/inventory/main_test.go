package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// place is where the data is, which differs from run to run.
var place = regexp.MustCompile(`under \S+\.\n`)

// TestTheStoryIsThatOfTheReadme: the README shows what the program prints.
func TestTheStoryIsThatOfTheReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(readme), "$ go run ./examples/inventory\n")
	shown, _, _ = strings.Cut(shown, "```")
	var out bytes.Buffer
	if err := run(t.Context(), &out, filepath.Join(t.TempDir(), "new"), 3, hclog.NewNullLogger()); err != nil {
		t.Fatal(err)
	}
	if got, want := place.ReplaceAllString(out.String(), "\n"), place.ReplaceAllString(shown, "\n"); got != want {
		t.Errorf("it prints\n%s\nthe README shows\n%s", got, want)
	}
}

func TestADirectoryInUseIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err := run(t.Context(), &out, dir, 3, hclog.NewNullLogger())
	if err == nil || !strings.Contains(err.Error(), "not empty") || out.Len() > 0 {
		t.Errorf("got %v, printed %q", err, out.String())
	}
}
