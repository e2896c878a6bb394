package e2e

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// Blocks in order, several of them under way, while one leader after the other is
// killed, and one stands still: nobody tells the client, every block is committed
// once, and the heights are in the order of the file.
func TestOrderThroughManyLeaders(t *testing.T) {
	heavy(t)
	c := convene(t, 2, "c1", "c2", "c3")
	w := workload{name: "w", accounts: 24, blocks: 1200, size: 5}
	opening, transfers := w.opening(t), w.transfers(t)
	wantDone(t, c.ask(submitArgs(opening)...))
	submission := c.going("submit", "-o", "json", "--pipeline", "16", transfers)
	for range 3 {
		c.awaitLines(submission, 100)
		leader := c.nodes[c.leader()]
		leader.KillNode()
		c.awaitLines(submission, 50)
		leader.Start()
		c.proxies[leader.Name].Aim(leader.Address)
	}
	still := c.nodes[c.leader()]
	still.PauseNode()
	c.awaitLines(submission, 100)
	still.ResumeNode()
	out := wantDone(t, submission.Wait())
	if n := strings.Count(out, "\n"); n != w.blocks {
		t.Errorf("%d answers for %d blocks", n, w.blocks)
	}
	c.awaitShards()
	c.wantOrder(w)
	for _, s := range c.Shards {
		s.Stop()
	}
	cluster.WantSame(t, "state compared with an undisturbed run", c.Dump(), undisturbed(t, opening, transfers))
}

// wantOrder checks that the blocks of a workload are committed in their order, and
// nothing else is.
func (c *council) wantOrder(w workload) {
	c.t.Helper()
	decoder := json.NewDecoder(strings.NewReader(wantDone(c.t, c.ask("blocks", "-o", "json", "--from", "1", "--number", strconv.Itoa(w.blocks+10)))))
	for i := range w.blocks + 1 {
		var b struct {
			Height int
			Block  string
		}
		if err := decoder.Decode(&b); err != nil {
			c.t.Fatalf("block %d: %v", i, err)
		}
		if want := fmt.Sprintf("%s-%d", w.name, i); b.Block != want || b.Height != i+1 {
			c.t.Fatalf("height %d is block %q, want %q", b.Height, b.Block, want)
		}
	}
	if decoder.More() {
		c.t.Errorf("more than %d blocks are committed", w.blocks+1)
	}
}
