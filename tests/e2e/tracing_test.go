package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// complete says what a trace lacks of a block that is committed on so many shards.
func complete(s story, shards int, orphans bool) string {
	for _, name := range []string{"submit", "block", "attempt", "decide"} {
		if len(s.find(name, "")) == 0 {
			return name
		}
	}
	if n := len(s.find("submit", "")); n != 1 {
		return fmt.Sprintf("one submit instead of %d", n)
	}
	for i := range shards {
		for _, name := range []string{"prepare", "execute", "force", "commit"} {
			if by := fmt.Sprintf("shard %d", i); len(s.find(name, by)) == 0 {
				return name + " of " + by
			}
		}
	}
	for _, pair := range family {
		if wrong := s.under(pair[0], pair[1], orphans); wrong != "" {
			return wrong
		}
	}
	return ""
}

// One block is one trace, from the client to the commit on every shard.
func TestABlockIsOneTrace(t *testing.T) {
	c := collect(t)
	w := small()
	d := disturb(t, w, options(2))
	wantDone(t, d.submitting().Wait())
	c.mu.Lock()
	var keys []string
	for key := range c.keys {
		keys = append(keys, key)
	}
	c.mu.Unlock()
	if len(keys) == 0 {
		t.Fatal("no block has a trace")
	}
	for _, key := range keys {
		all := c.await(key, func(s story) string { return complete(s, 2, false) })
		if n := len(all.find("attempt", "coordinator c1")); n != 1 {
			t.Errorf("block %q has %d attempts:%s", key, n, all)
		}
	}
}

// An attempt that is aborted is in the trace of its block, beside the one that is not.
func TestARetryIsInTheSameTrace(t *testing.T) {
	c := collect(t)
	o := options(3)
	o.ShardArgs = []string{"--peer-timeout", "200ms"}
	d := disturb(t, small(), o)
	d.Shards[0].Inbound.Cut()
	submission := d.submitting()
	d.AwaitCluster("a second attempt", func(s cluster.ClusterStatus) bool {
		return len(s.InFlight) > 0 && s.InFlight[0].Height == 2 && s.InFlight[0].Attempt >= 2
	})
	d.HealAll()
	wantDone(t, submission.Wait())
	key := c.keyOf("2/1.")
	all := c.await(key, func(s story) string { return complete(s, 3, false) })
	aborted := 0
	for _, a := range all.find("attempt", "") {
		if a.failed != "" {
			aborted++
		}
	}
	if attempts := len(all.find("attempt", "")); attempts < 2 || aborted != attempts-1 || len(all.find("commit", "")) != 3 {
		t.Errorf("%d attempts, of which %d were aborted:%s", attempts, aborted, all)
	}
}

// A block that outlives its coordinator goes on in the same trace under the next.
func TestAFailoverIsInTheSameTrace(t *testing.T) {
	heavy(t)
	c := collect(t)
	cc := convene(t, 2, "c1", "c2", "c3")
	w := workload{name: "a", accounts: 8, blocks: 1, size: 5}
	wantDone(t, cc.ask(submitArgs(w.opening(t))...))
	cc.Shards[1].PauseNode()
	submission := cc.going(submitArgs(w.transfers(t))...)
	cluster.Await(t, "an attempt that cannot be decided", time.Minute, func() string {
		if s := cc.status(); len(s.InFlight) == 0 || s.InFlight[0].Attempt == 0 {
			return fmt.Sprintf("%+v", s)
		}
		return ""
	})
	cc.nodes[cc.leader()].KillNode()
	cc.Shards[1].ResumeNode()
	wantDone(t, submission.Wait())
	cc.awaitShards()
	key := c.keyOf("2/2.")
	all := c.await(key, func(s story) string { return complete(s, 2, true) })
	if !strings.Contains(all.String(), " 2/1.1 ") {
		t.Errorf("the attempt of epoch 1 is missing:%s", all)
	}
}
