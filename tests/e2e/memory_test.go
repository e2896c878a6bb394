package e2e

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

const (
	// memoryBound is what no survivor may ever need while a shard is away:
	// the queue that the test allows, held in several forms, and room.
	memoryBound = 300 << 20
	queueBytes  = 32 << 20
	valueBytes  = 16 << 10
	blockBytes  = 1 << 20
)

// While one shard is away, clients go on offering far more than may wait; the
// survivors take up a bounded part of it.
func TestMemoryBounded(t *testing.T) {
	heavy(t)
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skipf("no way to measure memory here: %v", err)
	}
	o := options(3)
	o.CoordinatorArgs = []string{"--queue-bytes", fmt.Sprint(queueBytes)}
	d := disturb(t, small(), o)
	before := d.Go("submit", "--pipeline", "8", largeValues(t, "before", queueBytes))
	d.AwaitCluster("some blocks", func(s cluster.ClusterStatus) bool { return s.Height >= 5 })
	d.Shards[1].KillNode()
	clients := []*cluster.Command{before}
	for _, name := range []string{"a", "b", "c"} {
		clients = append(clients, d.Go("submit", "--pipeline", "16", largeValues(t, name, queueBytes)))
	}
	d.AwaitCluster("a full queue", func(s cluster.ClusterStatus) bool { return s.QueuedBytes > queueBytes*3/4 })
	cluster.Throughout(t, "all processes stay", 5*time.Second, func() string {
		d.CheckAlive()
		return ""
	})
	wantMemory(t, d.Coordinator, d.Shards[0], d.Shards[2])

	d.Shards[1].Start()
	for _, c := range clients {
		wantDone(t, c.Wait())
	}
	d.AwaitReady()
	wantMemory(t, d.Nodes()...)
}

// largeValues writes a file of blocks of large values, of so many bytes in all.
func largeValues(t *testing.T, name string, bytes int) string {
	t.Helper()
	value := strings.Repeat("v", valueBytes)
	return write(t, name+".jsonl", func(out *bufio.Writer) {
		for block := range bytes / blockBytes {
			for i := range blockBytes / valueBytes {
				fmt.Fprintf(out, `{"block":"%s-%d","ops":[{"op":"put","key":"%s-%d-%d","value":"%d%s"}]}`+"\n", name, block, name, block%4, i, block, value)
			}
		}
	})
}

func wantMemory(t *testing.T, nodes ...*cluster.Node) {
	t.Helper()
	for _, n := range nodes {
		peak, err := n.PeakMemory()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d MiB at most", n.Name, peak>>20)
		if peak > memoryBound {
			t.Errorf("%s needed %d MiB, more than %d MiB", n.Name, peak>>20, memoryBound>>20)
		}
	}
}
