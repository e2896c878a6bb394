package e2e

import (
	"regexp"
	"strings"
	"testing"
)

// step is one thing that a reader of a page does.
type step struct {
	command string // for a shell; or
	url     string // to be opened in a browser
	output  string // what the page shows below the command
}

var opened = regexp.MustCompile(`<(http://[^>]*)>`)

// stepsOf reads what a page tells its reader to do, in order: the lines behind "$ " in
// blocks of the console, those behind "> " that belong to them, and pages to open.
func stepsOf(page string) (list []step) {
	console := false
	for line := range strings.Lines(page) {
		last := len(list) - 1
		command, isCommand := strings.CutPrefix(line, "$ ")
		more, isMore := strings.CutPrefix(line, "> ")
		switch {
		case strings.HasPrefix(line, "```"):
			console = line == "```console\n"
		case console && isCommand:
			list = append(list, step{command: command})
		case console && isMore:
			list[last].command += more
		case console:
			list[last].output += line
		default:
			for _, found := range opened.FindAllStringSubmatch(line, -1) {
				list = append(list, step{url: found[1]})
			}
		}
	}
	return list
}

// isQuestion tells whether a command may be given again until it shows what the page
// does.
func (s step) isQuestion() bool {
	for _, asks := range []string{"lockstep status", "lockstep get", "lockstep indoubt list"} {
		if strings.HasPrefix(s.command, asks) {
			return true
		}
	}
	return false
}

// What differs from one run to the next. All figures of a status do.
var (
	varying = []struct {
		what *regexp.Regexp
		name string
	}{
		{regexp.MustCompile(`(?m)^.*: line \d+: +\d+ Killed .*\n`), ""}, // the shell tells of a job
		{regexp.MustCompile(`\b[0-9a-f]{8,}\b`), "HEX"},
		{regexp.MustCompile(`127\.0\.0\.1:\d+`), "ADDRESS"},
		{regexp.MustCompile(`\b(\d+m)?[0-9.]+(h|m|s|ms|µs)\b`), "TIME"},
		{regexp.MustCompile(` in TIME(, [0-9,]+ a second)?`), " in TIME"},
		{regexp.MustCompile(`─+`), "─"},
		{regexp.MustCompile(` +`), " "},
	}
	figure = regexp.MustCompile(`\b[0-9][0-9,]*\b`)
)

// shape is a text without what differs from one run to the next.
func (s step) shape(text string) string {
	for _, v := range varying {
		text = v.what.ReplaceAllString(text, v.name)
	}
	if strings.HasPrefix(s.command, "lockstep status") {
		text = figure.ReplaceAllString(text, "N")
	}
	return strings.TrimSpace(text)
}

// shows reports whether an output has the shape of the one on the page, of which a last
// line "…" leaves the rest open.
func (s step) shows(output string) bool {
	if begin, open := strings.CutSuffix(s.output, "…\n"); open {
		return strings.HasPrefix(s.shape(output), s.shape(begin))
	}
	return s.shape(output) == s.shape(s.output)
}

func TestStepsOfAPage(t *testing.T) {
	list := stepsOf("# Title\n\n```console\n$ a <<END\n> one\n> END\n$ lockstep status\nheight 3, 12ms\n\n  root 0123456789\n```\n\n" +
		"Open <http://127.0.0.1:1/>, `$ no`.\n\n```sh\n$ no\n```\n\n```console\n$ b\nv 7\n…\n```\n")
	if len(list) != 4 || list[0].command != "a <<END\none\nEND\n" || list[2].url != "http://127.0.0.1:1/" || list[3].output != "v 7\n…\n" {
		t.Fatalf("got %q", list)
	}
	for _, test := range []struct {
		step   int
		output string
		want   bool
	}{
		{0, "", true}, {0, "something\n", false},
		{1, "height 12, 1m2.5s\n\n  root  abcdefabcdef\n", true}, {1, "height 12, 1m2.5s\n", false}, {1, "depth 3, 12ms\n\n  root 0123456789\n", false},
		{3, "v 7\n", true}, {3, "v 7\nmore\n", true}, {3, "v 8\n", false},
	} {
		if got := list[test.step].shows(test.output); got != test.want {
			t.Errorf("%q shows %q: %v", list[test.step].command, test.output, got)
		}
	}
}
