package report

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestStoryOnATerminal draws progress over, and never in front of what is said.
func TestStoryOnATerminal(t *testing.T) {
	var out strings.Builder
	s := NewStory(&out)
	s.terminal = true
	s.Progress("first")
	s.Progress("too soon after it")
	s.shown = time.Time{}
	s.Progress("%d %s", 2, strings.Repeat("x", 200))
	s.Say("done with %s", "it")
	s.End()
	got := regexp.MustCompile(`\d+\.\ds`).ReplaceAllString(out.String(), "0.0s")
	drawn := strings.Split(got, eraseLine)
	if len(drawn) != 4 || strings.Contains(got, "too soon") {
		t.Fatalf("%q", got)
	}
	if drawn[1] != "   0.0s  … first" || len([]rune(drawn[2])) != lineColumns || drawn[3] != "   0.0s  done with it\n" {
		t.Errorf("%q", drawn)
	}
}

// TestStoryInAFile has whole lines only.
func TestStoryInAFile(t *testing.T) {
	var out strings.Builder
	s := NewStory(&out)
	s.Progress("half")
	s.Print("a table\n")
	s.Progress("soon after it")
	s.End()
	got := regexp.MustCompile(`\d+\.\ds`).ReplaceAllString(out.String(), "0.0s")
	if want := "   0.0s  … half\na table\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
