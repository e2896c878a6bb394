package main

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
)

// moduleWith makes a module of one package, with files.
func moduleWith(t *testing.T, path string, files map[string]string) module {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		write(t, filepath.Join(dir, name), content)
	}
	return module{path: path, version: "v1.0.0", dir: dir, folders: map[string]bool{dir: true}, uses: map[string]bool{}}
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// knownAs gives the register in which a content is something.
func knownAs(is string, contents ...string) map[string]string {
	known := map[string]string{}
	for _, content := range contents {
		known[text{content: []byte(content)}.hash()] = is
	}
	return known
}

// wantError checks that an error says something; "" is that there is none.
func wantError(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("refused: %v", err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("got %v, want %q", err, want)
	}
}

// madeOf is what a binary of two modules says of itself; a uses b, the program uses a.
func madeOf() ([]module, *debug.BuildInfo) {
	const sum = "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	all := []module{
		{path: "example.org/a", version: "v1.0.0", licence: "MIT", uses: map[string]bool{"example.org/b": true, standard: true}},
		{path: "example.org/b", version: "v2.0.0+incompatible", licence: "Apache-2.0 AND MIT", uses: map[string]bool{"example.org/arm": true}},
		{path: "example.org/arm", version: "v1.0.0", licence: "MIT"},
		{path: "example.org/program", licence: "Apache-2.0", uses: map[string]bool{"example.org/a": true}},
		{path: standard, licence: "BSD-3-Clause"},
	}
	return all, &debug.BuildInfo{
		GoVersion: "go1.26.8",
		Main:      debug.Module{Path: "example.org/program"},
		Deps:      []*debug.Module{{Path: "example.org/a", Version: "v1.0.0", Sum: sum}, {Path: "example.org/b", Version: "v2.0.0+incompatible", Sum: sum}},
		Settings:  []debug.BuildSetting{{Key: "GOARCH", Value: "amd64"}, {Key: "-ldflags", Value: "-s"}},
	}
}
