package protocol

import (
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestScripts runs the scripts under testdata. A script begins with one of
//
//	shard id=0 shards=2          a participant; below it what its disk holds
//	coordinator shards=2         a coordinator; below it what its disk holds
//	cluster shards=2             both, wired to each other
//
// and goes on with "do" and one event a line. What is printed is the event and
// the effects of that step in the order in which a node carries them out; the
// records are put into a log in memory, so that "crash" starts again from it.
// What a line may hold is told at the type line, the events at the methods
// that read them. Rewrite the expected output with: go test -run Scripts -rewrite
func TestScripts(t *testing.T) {
	for _, dir := range []string{"participant", "coordinator", "resync", "recovery", "cluster"} {
		t.Run(dir, func(t *testing.T) {
			datadriven.Walk(t, "testdata/"+dir, func(t *testing.T, path string) {
				s := script{printer: &printer{blocks: map[Digest]string{}}}
				datadriven.RunTest(t, path, s.run)
			})
		})
	}
}

// machine is what a script drives.
type machine interface {
	// start begins from a disk with these contents, and prints what is there.
	start(contents []line)
	// do carries out one line; it reports false if it does not know the verb.
	do(l line) bool
}

type script struct {
	*printer
	machine machine
}

func (s *script) run(t *testing.T, d *datadriven.TestData) string {
	var lines []line
	for _, text := range strings.Split(d.Input, "\n") {
		if text = strings.TrimSpace(text); text != "" && !strings.HasPrefix(text, "#") {
			lines = append(lines, parseLine(text))
		}
	}
	if d.Cmd == "do" {
		s.events(t, d, lines)
		return s.take()
	}
	switch args := parseLine(d.Cmd + " " + arguments(d)); d.Cmd {
	case "shard":
		s.machine = newScriptShard(s.printer, args)
	case "coordinator":
		s.machine = newScriptCoordinator(s.printer, args)
	case "cluster":
		s.machine = newScriptCluster(s.printer, args)
	default:
		d.Fatalf(t, "unknown command %q", d.Cmd)
	}
	s.machine.start(lines)
	return s.take()
}

func arguments(d *datadriven.TestData) string {
	var all []string
	for _, a := range d.CmdArgs {
		all = append(all, a.String())
	}
	return strings.Join(all, " ")
}

func (s *script) events(t *testing.T, d *datadriven.TestData, lines []line) {
	for _, l := range lines {
		s.printf("%s", l.text)
		if !s.machine.do(l) {
			d.Fatalf(t, "unknown event %q", l.text)
		}
	}
}
