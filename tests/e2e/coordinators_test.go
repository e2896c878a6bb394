package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// The life of a cluster with three coordinators: the leader is killed under load,
// then replaced by an empty one, and its successor is stopped under load. Every
// block is committed once, and the state is that of a run that nobody disturbed.
func TestCoordinatorsComeAndGo(t *testing.T) {
	heavy(t)
	c := convene(t, 2, "c1", "c2", "c3")
	first := workload{name: "a", accounts: 24, blocks: 400, size: 5}
	second := workload{name: "b", accounts: 24, blocks: 400, size: 5}
	var files []string

	opening, transfers := first.opening(t), first.transfers(t)
	files = append(files, opening, transfers)
	wantDone(t, c.ask(submitArgs(opening)...))
	submission := c.going(submitArgs(transfers)...)
	c.awaitLines(submission, 200)
	dead := c.leader()
	c.nodes[dead].KillNode()
	began := time.Now()
	c.awaitLines(submission, 50)
	t.Logf("blocks were committed again %v after SIGKILL of the leader", time.Since(began).Round(time.Millisecond))
	wantAllApplied(t, wantDone(t, submission.Wait()), first.blocks*first.size)
	c.awaitShards()
	if h := c.status().Height; h != uint64(first.blocks)+1 {
		t.Errorf("height %d, want %d", h, first.blocks+1)
	}

	c.replace(dead, "c4")

	opening, transfers = second.opening(t), second.transfers(t)
	files = append(files, opening, transfers)
	wantDone(t, c.ask(submitArgs(opening)...))
	submission = c.going(submitArgs(transfers)...)
	c.awaitLines(submission, 200)
	stopped := c.leader()
	began = time.Now()
	c.nodes[stopped].Stop()
	took := time.Since(began)
	if log := c.nodes[stopped].Log(); !strings.Contains(log, "handed the leadership over") {
		t.Errorf("%s did not hand over:\n%s", stopped, c.nodes[stopped].LogTail(10))
	}
	c.awaitLines(submission, 50)
	t.Logf("the leader stopped in %v; blocks were committed again %v after SIGTERM", took.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	wantAllApplied(t, wantDone(t, submission.Wait()), second.blocks*second.size)

	refused := c.ask("cluster", "remove", c.follower())
	if refused.Code != 1 || !strings.Contains(refused.Err, "a majority of 2 is needed") || !strings.Contains(refused.Err, "--force") {
		t.Errorf("removing one of the last two: exit code %d: %s", refused.Code, refused.Err)
	}

	c.awaitShards()
	for _, s := range c.Shards {
		s.Stop()
	}
	cluster.WantSame(t, "state compared with an undisturbed run", c.Dump(), undisturbed(t, files...))
}

// replace takes a dead coordinator out, and an empty one in.
func (c *council) replace(dead, name string) {
	c.t.Helper()
	if m := c.member(dead); m.State != "unreachable" || !strings.Contains(m.Reason, "does not answer") {
		c.t.Errorf("%s is shown as %+v", dead, m)
	}
	wantDone(c.t, c.ask("cluster", "remove", dead))
	c.seat(name)
	c.start(name, "--join")
	if code, text, err := c.nodes[name].Fetch("/readyz"); err != nil || code != http.StatusServiceUnavailable {
		c.t.Errorf("before it is added, /readyz of %s answers %d %s, error %v", name, code, text, err)
	}
	old := c.ask("cluster", "add", dead+"="+c.address(name))
	if old.Code != 1 || !strings.Contains(old.Err, `is called "`+name+`"`) {
		c.t.Errorf("adding it under the old name: exit code %d: %s", old.Code, old.Err)
	}
	wantDone(c.t, c.ask("cluster", "add", name+"="+c.address(name)))
	if m := c.member(name); m.State != "ready" || m.Role != "follower" {
		c.t.Errorf("%s is shown as %+v", name, m)
	}
	leader := c.leader()
	cluster.Await(c.t, "readiness of "+name, cluster.Within, func() string {
		code, text, err := c.nodes[name].Fetch("/readyz")
		if err != nil || code != http.StatusOK || !strings.Contains(text, "follows "+leader) {
			return text
		}
		return ""
	})
}

// A coordinator that came back with an empty disk under its old name is shown,
// with what to do, and never counts.
func TestACoordinatorThatLostItsDisk(t *testing.T) {
	c := convene(t, 1, "c1", "c2", "c3")
	lost := c.follower()
	c.nodes[lost].KillNode()
	peers := "c1=" + c.address("c1") + ",c2=" + c.address("c2") + ",c3=" + c.address("c3")
	c.nodes[lost] = c.Extra(lost+"-again", []string{"coordinator", "--name", lost, "--advertise", c.address(lost), "--shards", "1", "--peers", peers}, t.TempDir())
	c.nodes[lost].Start()
	c.proxies[lost].Aim(c.nodes[lost].Address)
	cluster.Await(t, "a refusal", cluster.Within, func() string {
		if m := c.member(lost); m.State != "refused" || !strings.Contains(m.Reason, "under a new name") {
			return m.State + ": " + m.Reason
		}
		return ""
	})
	if r := c.ask("cluster", "remove", c.follower()); r.Code != 1 || !strings.Contains(r.Err, "bring the others back first ("+lost+")") {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
	w := small()
	wantDone(t, c.ask(submitArgs(w.opening(t), w.transfers(t))...))
	wantDone(t, c.ask("cluster", "remove", lost))
}

// Leadership goes where the operator wants it, and everybody follows.
func TestTransferOfLeadership(t *testing.T) {
	c := convene(t, 1, "c1", "c2", "c3")
	w := small()
	wantDone(t, c.ask(submitArgs(w.opening(t))...))
	submission := c.going(submitArgs(w.transfers(t))...)
	for _, name := range []string{"c3", "c1", "c2"} {
		if out := wantDone(t, c.ask("cluster", "transfer", name)); !strings.HasPrefix(out, name+" at "+c.address(name)+" leads") {
			t.Errorf("transfer to %s: %s", name, out)
		}
		if c.leader() != name {
			t.Errorf("%s leads, not %s", c.leader(), name)
		}
	}
	wantAllApplied(t, wantDone(t, submission.Wait()), w.blocks*w.size)
	c.awaitShards()
	if r := c.ask("cluster", "transfer", "c9"); r.Code != 1 || !strings.Contains(r.Err, "there is no other member c9") {
		t.Errorf("exit code %d: %s", r.Code, r.Err)
	}
}
