package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// An outage has a line when it begins, some while it lasts, and one when it is over,
// on whoever misses somebody.
func TestOutagesHaveFewLines(t *testing.T) {
	t.Parallel() // it waits more than it works
	heavy(t)
	d := disturb(t, small(), options(2))

	d.Shards[1].KillNode()
	d.awaitLines(d.Coordinator, "a shard is away", 4) // after 0, 1, 3 and 7 s
	d.awaitLines(d.Shards[0], "cannot push values to a peer", 4)
	d.Shards[1].Start()
	d.awaitLines(d.Coordinator, "the shard is back", 1)
	d.awaitLines(d.Shards[0], "peer reached", 1)

	d.Coordinator.KillNode()
	for _, s := range d.Shards {
		d.awaitLines(s, "waiting for coordinator", 3)
	}
	d.Coordinator.Start()
	for _, s := range d.Shards {
		d.awaitLines(s, "coordinator is back", 1)
	}
	d.AwaitReady()
	d.resolves(d.submitting())

	for _, n := range d.Nodes() {
		log := n.Log()
		if lines := strings.Count(log, "[WARN]"); lines > 16 || strings.Contains(log, "[ERROR]") {
			t.Errorf("%s has %d warnings in its log:\n%s", n.Name, lines, log)
		}
		for line := range strings.Lines(log) {
			if !event.MatchString(line) && !strings.HasPrefix(line, "listening ") {
				t.Errorf("%s logged something that is no event: %s", n.Name, line)
			}
		}
	}
}

var event = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\S+ \[(WARN|INFO)\]  lockstep[.a-z]*: .*\n$`)

func (d *disturbed) awaitLines(n *cluster.Node, text string, want int) {
	d.t.Helper()
	cluster.Await(d.t, fmt.Sprintf("%q in the log of %s", text, n.Name), time.Minute, func() string {
		if got := strings.Count(n.Log(), text); got < want {
			return fmt.Sprintf("%d lines", got)
		}
		return ""
	})
}
