package cluster

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const (
	// pollEvery is how often a condition is looked at.
	pollEvery = 10 * time.Millisecond
	// Within is enough for everything that needs no timeout of a daemon to
	// pass first, also on a slow machine.
	Within = 60 * time.Second
)

// Await looks at a condition until it holds; what it gives while it does not
// says what is missing. It fails the test when it takes too long.
func Await(tb testing.TB, what string, within time.Duration, missing func() string) {
	tb.Helper()
	deadline := time.Now().Add(within)
	for {
		why := missing()
		if why == "" {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("%s: not within %s: %s", what, within, why)
		}
		time.Sleep(pollEvery)
	}
}

// AwaitReady waits until a coordinator leads, all others follow it, and all shards
// are ready and at one height.
func (c *Cluster) AwaitReady() {
	c.tb.Helper()
	Await(c.tb, "a ready cluster", Within, c.unready)
}

func (c *Cluster) unready() string {
	c.CheckAlive()
	now, err := c.Status()
	if err != nil {
		return err.Error()
	}
	if len(now.InFlight) > 0 || len(now.Shards) != len(c.Shards) {
		return fmt.Sprintf("the leader has blocks in flight, or has only begun: %+v", now)
	}
	missing := c.unlevel(now)
	for _, n := range c.Shards {
		s, err := n.ShardStatus()
		switch {
		case err != nil:
			missing = append(missing, err.Error())
		case s.State != "ready" || s.CommittedHeight != now.Height || len(s.Prepared) > 0 || now.Shards[s.ID].State != "ready":
			missing = append(missing, fmt.Sprintf("%s is %+v, the leader is at height %d and sees it %s", n.Name, s, now.Height, now.Shards[s.ID].State))
		}
	}
	return strings.Join(missing, "; ")
}

// AwaitCluster waits until the coordinator's status is as wanted.
func (c *Cluster) AwaitCluster(what string, holds func(ClusterStatus) bool) {
	c.tb.Helper()
	Await(c.tb, what, Within, func() string {
		c.CheckAlive()
		s, err := c.Status()
		if err != nil || !holds(s) {
			return fmt.Sprintf("status %+v, error %v", s, err)
		}
		return ""
	})
}

// AwaitShard waits until a shard says of itself what is wanted.
func (c *Cluster) AwaitShard(i int, what string, holds func(ShardStatus) bool) {
	c.tb.Helper()
	Await(c.tb, fmt.Sprintf("shard %d: %s", i, what), Within, func() string {
		c.CheckAlive()
		s, err := c.Shards[i].ShardStatus()
		if err != nil || !holds(s) {
			return fmt.Sprintf("status %+v, error %v", s, err)
		}
		return ""
	})
}

// AwaitPrepared waits until a shard holds a height prepared.
func (c *Cluster) AwaitPrepared(i int, height uint64) {
	c.tb.Helper()
	c.AwaitShard(i, fmt.Sprintf("height %d prepared", height), func(s ShardStatus) bool { return s.HasPrepared(height) })
}

// AwaitState waits until a shard says that it is in a state.
func (c *Cluster) AwaitState(i int, state string) {
	c.tb.Helper()
	c.AwaitShard(i, state, func(s ShardStatus) bool { return s.State == state })
}

// Throughout checks that something stays as it is for a while; what changed
// gives says what did not.
func Throughout(tb testing.TB, what string, while time.Duration, changed func() string) {
	tb.Helper()
	for end := time.Now().Add(while); time.Now().Before(end); time.Sleep(pollEvery) {
		if how := changed(); how != "" {
			tb.Fatalf("%s: not for %s: %s", what, while, how)
		}
	}
}
