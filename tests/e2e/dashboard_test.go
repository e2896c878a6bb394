package e2e

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

const (
	// shown is how soon the dashboard shows what happened.
	shown = 3 * time.Second
	// loaded is how long a browser may take to show the page, beside other tests.
	loaded = 30 * time.Second

	phoneWidth, phoneHeight = 390, 844
	wideWidth, wideHeight   = 1280, 900
)

func dashboardOf(n *cluster.Node) string { return "http://" + n.HTTP + "/" }

// Somebody who watches sees that a shard is cut off, what waits for it, and that it
// is back.
func TestDashboardThroughAPartition(t *testing.T) {
	d := disturb(t, small(), options(3))
	b := browse(t, dashboardOf(d.Coordinator), wideWidth, wideHeight)
	b.await(textOf("sentence-text"), "Ready for blocks. Nothing waits.", loaded)
	b.await(textOf("shards"), "127.0.0.1:", shown)

	d.Shards[1].Uplink.HoldToward() // Execute comes, the vote does not go
	submission := d.submitting()
	for i := range d.Shards {
		d.AwaitPrepared(i, 2)
	}
	d.Shards[1].Uplink.Cut()
	b.await(textOf("sentence-text"), "Waits for shard 1: not connected", shown)
	b.await(textOf("sentence-detail"), "prepared on shards 0 and 2; nothing is lost.", shown)
	b.await(textOf("sentence-detail"), "Shard 1 holds", shown)
	b.await(textOf("sentence-do"), "The shard itself runs and answers when it is asked", shown)
	b.await(textOf("announce"), "Waits for shard 1", shown)
	b.await(`document.querySelector("#shards tbody").rows[1].textContent`, "Not connected", shown)
	b.await(`document.querySelector("#shards tbody").rows[1].textContent`, "in doubt", shown)
	b.await(textOf("flight"), "shard 1", shown)
	b.await("document.title", "Waiting: ", shown)
	b.do(chromedp.EmulateViewport(phoneWidth, phoneHeight))
	b.wantNoOverflow("cut off")
	b.wantContrast("cut off")

	d.HealAll()
	d.AwaitCluster("the shard to be back", func(s cluster.ClusterStatus) bool { return s.Shards[1].State != "disconnected" })
	b.await(textOf("sentence-text"), "Nothing waits.", shown)
	b.await(textOf("blocks"), "w-3", shown)
	b.await(`document.querySelector("#shards tbody").rows[1].textContent`, "Ready", shown)
	b.wantNoFaults()
	d.resolves(submission)
}

// A block is found by its key, whatever that is, and by its height.
func TestDashboardBlock(t *testing.T) {
	c := start(t, 2)
	const hostile = `<img src=x onerror="alert(1)">/%41 &amp; "'`
	file := write(t, "hostile.jsonl", func(out *bufio.Writer) {
		for i := range 3 {
			fmt.Fprintf(out, `{"block":%s,"ops":[{"op":"credit","account":"a%d","amount":"5"}]}`+"\n", strconv.Quote(hostile), i)
		}
		fmt.Fprintln(out, `{"block":"second","ops":[{"op":"debit","account":"poor","amount":"5"}]}`)
	})
	submit(t, c, file)
	b := browse(t, dashboardOf(c.Coordinator), wideWidth, wideHeight)
	b.await(`document.querySelectorAll("#blocks tbody tr").length`, "2", loaded)
	if n := b.text(`document.querySelectorAll("img[onerror]").length`); n != "0" {
		t.Error("a block key became markup")
	}
	b.text(`document.querySelectorAll("#blocks tbody a")[1].click()`)
	b.await(textOf("detail"), hostile, shown)
	for _, part := range []string{"committed", "3 transactions at height 1", "queued", "forcing the decision", "Attempt 1.1", "Came after", "prepared", "applied", "Chain root"} {
		b.await(textOf("detail"), part, shown)
	}
	if focus := b.text(`document.activeElement.id`); focus != "block-title" {
		t.Errorf("the focus is on %q", focus)
	}
	b.do(chromedp.EmulateViewport(phoneWidth, phoneHeight))
	b.wantNoOverflow("a block")
	b.wantContrast("a block")
	b.text(`location.hash = "#/height/2"`)
	b.await(textOf("detail"), "insufficient funds", shown)
	b.wantNoFaults()
	b.text(`location.hash = "#/block/none"`)
	b.await(textOf("detail"), "No such block", shown)

	// What another incarnation decided is in the history.
	c.Coordinator.Stop()
	c.Coordinator.Start()
	c.AwaitReady()
	b = browse(t, dashboardOf(c.Coordinator)+"#/height/2", wideWidth, wideHeight)
	b.await(textOf("detail"), "remembers this only of its newest blocks", loaded)
	b.await(textOf("detail"), "insufficient funds", shown)
	b.text(`location.hash = "#/"`)
	b.await(`document.getElementById("more").hidden`, "false", shown)
	b.text(`document.getElementById("more").click()`)
	b.await(textOf("older"), "second", shown)
	b.wantNoFaults()
}

// Everything can be reached and read with the keyboard alone.
func TestDashboardByKeyboard(t *testing.T) {
	c := start(t, 2)
	w := small()
	submit(t, c, w.opening(t), w.transfers(t))
	b := browse(t, dashboardOf(c.Coordinator), wideWidth, wideHeight)
	b.await(textOf("blocks"), "w-3", loaded)
	b.wantNoOverflow("idle")
	b.await(textOf("charts"), "transactions", shown)
	for _, scheme := range []string{"light", "dark"} {
		b.prefers("prefers-color-scheme", scheme)
		b.wantContrast(scheme)
	}

	var path []string
	for range 60 {
		focus := b.press(tab)
		if len(path) > 0 && focus == path[0] {
			break
		}
		if strings.HasPrefix(focus, "BODY") {
			break
		}
		if outline := b.text(`getComputedStyle(document.activeElement).outlineStyle`); outline == "none" {
			t.Errorf("nobody sees that %s has the focus", focus)
		}
		path = append(path, focus)
	}
	last := -1
	for _, stop := range []string{"Skip to the content", "Lockstep", "copy", "1 min", "6 h", "plot", "As a table", "find-text", "Look up", "w-3", "Show older blocks"} {
		found := -1
		for i, focus := range path {
			if i > last && strings.Contains(focus, stop) {
				found = i
				break
			}
		}
		if found < 0 {
			t.Fatalf("the Tab key never comes to %q after %q:\n%s", stop, path[:last+1], strings.Join(path, "\n"))
		}
		last = found
	}

	b.text(`document.querySelector(".plot").focus()`)
	value := `document.querySelector(".chart .value").textContent`
	b.await(value, "now", shown)
	b.press(left)
	b.await(value, ":", shown) // a time of the day
	b.await(`document.querySelectorAll(".cursor").length > 0`, "true", shown)
	b.press(escape)
	b.await(value, "now", shown)
	b.text(`document.querySelector(".chart summary").focus()`)
	b.press(enter)
	b.await(`document.querySelectorAll(".chart .figures tbody tr").length > 0`, "true", shown)
	b.text(`document.querySelector("#blocks a").focus()`)
	b.press(enter)
	b.await(textOf("detail"), "Where the time went", shown)
	b.wantNoFaults()
}

// A coordinator that follows shows the same, and says so when nobody leads. One that
// is gone is missed.
func TestDashboardOfAFollower(t *testing.T) {
	heavy(t)
	c := cluster.Start(t, cluster.Options{Binary: binary, Shards: 2, Coordinators: 3})
	w := small()
	submit(t, c, w.opening(t))
	leader := c.AwaitLeader()
	var others []*cluster.Node
	for _, n := range c.Coordinators {
		if n != leader {
			others = append(others, n)
		}
	}
	b := browse(t, dashboardOf(others[0]), wideWidth, wideHeight)
	b.await(textOf("sentence-text"), "Ready for blocks. Nothing waits.", loaded)
	b.await(textOf("cluster"), "which follows "+leader.Member, shown)
	b.await(textOf("shards"), "Ready", shown)
	b.await(textOf("coordinators"), "leader", shown)
	b.await(textOf("blocks"), "w-0", shown)
	b.text(`location.hash = "#/block/w-0"`)
	b.await(textOf("detail"), "forcing the decision", shown)
	b.text(`location.hash = "#/"`)
	b.wantNoOverflow("a follower")

	leader.Kill()
	others[1].Kill()
	// Until the follower gives the leader up it says that it does not answer, for a moment.
	b.await(textOf("sentence-text"), "No coordinator leads for now", loaded)
	b.await(textOf("flight-none"), "Not known", shown)
	b.wantNoFaults()
	others[0].Kill()
	b.await(textOf("lost"), "Connection to the coordinator lost since ", 3*shown)
	b.await(textOf("live"), "No connection", shown)
	b.await(textOf("sentence-text"), "Nothing was heard of the cluster since", shown)
}

// Somebody who watches does not keep a coordinator from ending in time.
func TestDashboardDoesNotHoldUpTheEnd(t *testing.T) {
	c := start(t, 1)
	b := browse(t, dashboardOf(c.Coordinator), wideWidth, wideHeight)
	b.await(textOf("live"), "Live", loaded)
	code, took, err := c.Coordinator.Terminate(5 * time.Second)
	if code != 0 || err != nil {
		t.Fatalf("exit code %d after %v, %v", code, took, err)
	}
	if took > 2*time.Second {
		t.Errorf("it took %v to end", took)
	}
	b.await(textOf("live"), "No connection", 3*shown)
}

// A page that was cut off, loudly or silently, or whose coordinator was restarted,
// says so and comes back.
func TestDashboardComesBack(t *testing.T) {
	t.Parallel() // it waits more than it works
	c := start(t, 1)
	link, err := cluster.NewProxy()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(link.Close)
	link.Aim(c.Coordinator.HTTP)
	b := browse(t, "http://"+link.Address()+"/", wideWidth, wideHeight)
	b.await(textOf("live"), "Live", loaded)
	for name, cut := range map[string]func(){"cut": link.Cut, "silent": link.Hold} {
		cut()
		b.await(textOf("lost"), "Connection to the coordinator lost since ", 4*shown)
		b.await(textOf("sentence-text"), "Nothing was heard of the cluster since", shown)
		link.Heal()
		t.Logf("%s: back after %s", name, b.await(textOf("live"), "Live", 4*shown))
		b.await(textOf("sentence-text"), "Ready for blocks. Nothing waits.", shown)
	}
	c.Coordinator.Kill()
	b.await(textOf("live"), "No connection", 4*shown)
	c.Coordinator.Start()
	c.AwaitReady()
	link.Aim(c.Coordinator.HTTP)
	b.await(textOf("sentence-text"), "Ready for blocks. Nothing waits.", 4*shown)
	b.await("document.getElementById(\"lost\").hidden", "true", shown)
}
