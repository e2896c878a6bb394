package main

import (
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestPlanted finds what is planted in testdata, every rule on its line and no other.
func TestPlanted(t *testing.T) {
	wanted := planted(t)
	left, err := lint("", []string{"./testdata/planted"})
	if err != nil {
		t.Fatal(err)
	}
	got := map[int][]string{}
	for _, f := range left {
		if filepath.Base(f.file) != "planted.go" || f.text == "" {
			t.Errorf("%+v", f)
		}
		got[f.line] = append(got[f.line], f.rule)
	}
	for line := range union(wanted, got) {
		if !slices.Equal(wanted[line], got[line]) {
			t.Errorf("line %d: found %q, want %q", line, got[line], wanted[line])
		}
	}
	if len(wanted) < 12 {
		t.Errorf("only %d lines are wanted: the comments are not read", len(wanted))
	}
}

// planted gives the rules that the comments in testdata want, sorted, by line.
func planted(t *testing.T) map[int][]string {
	t.Helper()
	name := filepath.Join("testdata", "planted", "planted.go")
	files := token.NewFileSet()
	source, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := parse(files, name, source)
	if err != nil {
		t.Fatal(err)
	}
	wanted, want := map[int][]string{}, regexp.MustCompile(`[^"]\bwant ([A-Za-z0-9, ]+)`)
	for c := range comments(f) {
		if m := want.FindStringSubmatch(c.Text); m != nil {
			rules := strings.Split(strings.TrimSpace(m[1]), ", ")
			slices.Sort(rules)
			wanted[files.Position(c.Pos()).Line] = rules
		}
	}
	return wanted
}

func union(a, b map[int][]string) map[int][]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// TestWhatDoesNotCompile is an error, and not without findings.
func TestWhatDoesNotCompile(t *testing.T) {
	if left, err := lint("", []string{"./testdata/nothing"}); err == nil {
		t.Errorf("no error, but %v", left)
	}
	if left, err := lint("", []string{"./testdata/broken"}); err == nil {
		t.Errorf("no error, but %v", left)
	}
}

// TestRulesHaveReasons reads the lists of what is off: each rule says why, and is there
// once.
func TestRulesHaveReasons(t *testing.T) {
	seen := map[rule]bool{}
	for _, r := range slices.Concat(insecurities, ignorable) {
		if r.name == "" || r.reason == "" {
			t.Errorf("%+v", r)
		}
		r.reason = ""
		if seen[r] {
			t.Errorf("%+v twice", r)
		}
		seen[r] = true
	}
}

// TestCovers checks that a rule is off for its text and below its folder only.
func TestCovers(t *testing.T) {
	r := rule{name: "G1", text: "int", within: "cmd/one"}
	for _, c := range []struct {
		found finding
		pkg   string
		want  bool
	}{
		{finding{rule: "G1", text: "an int"}, module + "cmd/one", true},
		{finding{rule: "G1", text: "an int"}, module + "cmd/one/below", true},
		{finding{rule: "G1", text: "an int"}, module + "cmd/onestep", false},
		{finding{rule: "G1", text: "a string"}, module + "cmd/one", false},
		{finding{rule: "G2", text: "an int"}, module + "cmd/one", false},
	} {
		if got := r.covers(c.found, c.pkg); got != c.want {
			t.Errorf("%+v in %s: %t", c.found, c.pkg, got)
		}
	}
}
