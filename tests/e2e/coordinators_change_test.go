package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// gaps finds the longest time in which a command printed nothing.
type gaps struct {
	stop    chan struct{}
	longest chan time.Duration
}

func watchGaps(c *cluster.Command) gaps {
	g := gaps{make(chan struct{}), make(chan time.Duration, 1)}
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		longest, last := time.Duration(0), time.Now()
		lines, on := c.Lines()
		for on {
			select {
			case <-g.stop:
				on = false
			case <-tick.C:
			}
			now, more := c.Lines()
			if now != lines {
				longest, lines, last = max(longest, time.Since(last)), now, time.Now()
			}
			on = on && more
		}
		g.longest <- longest
	}()
	return g
}

func (g gaps) end() time.Duration {
	close(g.stop)
	return <-g.longest
}

// Every daemon is restarted, one after the other, the leader last, while blocks are
// submitted: the client sees no error, and every block is committed once.
func TestRollingRestartUnderLoad(t *testing.T) {
	heavy(t)
	c := convene(t, 2, "c1", "c2", "c3")
	w := workload{name: "r", accounts: 24, blocks: 2500, size: 3}
	opening, transfers := w.opening(t), w.transfers(t)
	wantDone(t, c.ask(submitArgs(opening)...))
	submission := c.going(append(submitArgs(transfers), "--pipeline", "1")...)
	c.awaitLines(submission, 50)
	watched := watchGaps(submission)
	last := c.leader()
	for _, s := range c.Shards {
		s.Stop()
		s.Start()
		c.awaitShards()
	}
	for _, name := range append(c.but(last), last) {
		c.nodes[name].Stop()
		c.nodes[name].Start()
		c.proxies[name].Aim(c.nodes[name].Address)
		c.awaitReady(name)
	}
	_, on := submission.Lines()
	t.Logf("longest time without a committed block: %v; load to the end: %v", watched.end().Round(time.Millisecond), on)
	done := submission.Wait()
	wantAllApplied(t, wantDone(t, done), w.blocks*w.size)
	if strings.Contains(done.Err, "[ERROR]") {
		t.Errorf("the client saw an error: %s", done.Err)
	}
	if h := c.status().Height; h != uint64(w.blocks)+1 {
		t.Errorf("height %d, want %d", h, w.blocks+1)
	}
	if log := c.nodes[last].Log(); !strings.Contains(log, "handed the leadership over") {
		t.Errorf("%s did not hand over:\n%s", last, c.nodes[last].LogTail(10))
	}
	c.awaitShards()
	for _, s := range c.Shards {
		s.Stop()
	}
	cluster.WantSame(t, "state compared with an undisturbed run", c.Dump(), undisturbed(t, opening, transfers))
}

// but gives the names of the first coordinators without one.
func (c *council) but(name string) (rest []string) {
	for _, other := range c.first {
		if other != name {
			rest = append(rest, other)
		}
	}
	return rest
}

// awaitReady waits until a coordinator takes part again.
func (c *council) awaitReady(name string) {
	c.t.Helper()
	cluster.Await(c.t, name+" ready", cluster.Within, func() string {
		if m := c.member(name); m.State != "ready" {
			return fmt.Sprintf("%+v", m)
		}
		return ""
	})
}

// A coordinator whose disk is gone is replaced under load by an empty one, which is
// killed while it learns, and the leader with it once: giving the command again ends
// it well.
func TestReplacedUnderLoad(t *testing.T) {
	t.Parallel() // it waits more than it works
	heavy(t)
	c := convene(t, 2, "c1", "c2", "c3")
	w := workload{name: "r", accounts: 24, blocks: 1500, size: 5}
	opening, transfers := w.opening(t), w.transfers(t)
	wantDone(t, c.ask(submitArgs(opening)...))
	submission := c.going(submitArgs(transfers)...)
	c.awaitLines(submission, 50)
	dead := c.follower()
	c.nodes[dead].KillNode()
	wantDone(t, c.ask("cluster", "remove", dead))
	c.seat("c4")
	c.start("c4", "--join")
	wantProbe(t, c.nodes["c4"], "c4 waits to be added: lockstep cluster add c4="+c.address("c4"))
	here := cluster.Run(t, binary, "status", "--here", "--coordinator", c.address("c4"))
	if !strings.Contains(here.Out, "outside") || !strings.Contains(here.Out, "waits to be added") {
		t.Errorf("status --here of c4: %+v", here)
	}
	c.proxies["c4"].Hold() // it is not reached: a learner, and no more
	stuck := c.ask("cluster", "add", "c4="+c.address("c4"), "--timeout", "3s")
	if stuck.Code == 0 {
		t.Errorf("a member that is not reached was added: %+v", stuck)
	}
	c.proxies["c4"].Heal()
	adding := c.going("cluster", "add", "c4="+c.address("c4"))
	cluster.Await(t, "c4 among the members", cluster.Within, func() string {
		if c.member("c4").Name == "" {
			return "it is not"
		}
		return ""
	})
	c.nodes["c4"].KillNode()
	c.nodes[c.leader()].Stop()
	for _, name := range c.first {
		if name != dead && !c.nodes[name].Running() {
			c.nodes[name].Start()
			c.proxies[name].Aim(c.nodes[name].Address)
		}
	}
	c.nodes["c4"].Start()
	c.proxies["c4"].Aim(c.nodes["c4"].Address)
	adding.Wait() // it may have ended in either way
	wantDone(t, c.ask("cluster", "add", "c4="+c.address("c4")))
	if m := c.member("c4"); m.State != "ready" || m.Role != "follower" && m.Role != "leader" {
		t.Errorf("c4 is shown as %+v", m)
	}
	wantAllApplied(t, wantDone(t, submission.Wait()), w.blocks*w.size)
	c.nodes[dead].Start() // it comes back, and is told
	c.proxies[dead].Aim(c.nodes[dead].Address)
	wantProbe(t, c.nodes[dead], dead+" was removed from the cluster: stop it")
	c.awaitShards()
	for _, s := range c.Shards {
		s.Stop()
	}
	cluster.WantSame(t, "state compared with an undisturbed run", c.Dump(), undisturbed(t, opening, transfers))
}

// wantProbe waits until a coordinator says why it is not ready.
func wantProbe(t *testing.T, n *cluster.Node, words string) {
	t.Helper()
	cluster.Await(t, n.Name+" says why it is not ready", cluster.Within, func() string {
		code, text, err := n.Fetch("/readyz")
		if err != nil || code != http.StatusServiceUnavailable || !strings.Contains(text, words) {
			return fmt.Sprintf("%d %s %v", code, text, err)
		}
		return ""
	})
}
