package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// mostSilent is what a test allows, on a machine that is busy with other things,
// until a block is committed after the leader stood still.
const mostSilent = 10 * time.Second

// A leader that stands still keeps its connections: shards and clients find out by
// themselves that another one leads. When it goes on it does no harm.
func TestALeaderThatStandsStill(t *testing.T) {
	t.Parallel() // it waits more than it works
	heavy(t)
	c := convene(t, 2, "c1", "c2", "c3")
	w := workload{name: "w", accounts: 24, blocks: 1500, size: 5}
	opening, transfers := w.opening(t), w.transfers(t)
	wantDone(t, c.ask(submitArgs(opening)...))
	submission := c.going("submit", "-o", "json", "--pipeline", "8", transfers)
	for range 3 {
		c.awaitLines(submission, 100)
		still := c.nodes[c.leader()]
		still.PauseNode()
		began := time.Now()
		c.awaitLines(submission, 10)
		took := time.Since(began)
		t.Logf("%s stood still; blocks were committed again after %v", still.Name, took.Round(time.Millisecond))
		if took > mostSilent {
			t.Errorf("blocks were committed again %v after the leader stood still", took)
		}
		c.awaitLines(submission, 50)
		still.ResumeNode()
		c.awaitLines(submission, 50)
	}
	if out := wantDone(t, submission.Wait()); strings.Count(out, "\n") != w.blocks {
		t.Errorf("%d answers for %d blocks", strings.Count(out, "\n"), w.blocks)
	}
	c.awaitShards()
	c.wantOrder(w)
	for _, s := range c.Shards {
		s.Stop()
	}
	cluster.WantSame(t, "state compared with an undisturbed run", c.Dump(), undisturbed(t, opening, transfers))
}

// All coordinators that a shard was started with are replaced, one at a time: it
// knows the new ones, and finds the next leader among them when that one is lost.
// Started again with the old list, it finds nobody, and says what to do.
func TestAllCoordinatorsAreReplaced(t *testing.T) {
	t.Parallel() // it waits more than it works
	heavy(t)
	c := convene(t, 1, "c1", "c2", "c3")
	old := c.addresses("c1", "c2", "c3")
	for i, name := range []string{"c4", "c5", "c6"} {
		gone := []string{"c1", "c2", "c3"}[i]
		c.seat(name)
		c.start(name, "--join")
		wantDone(t, c.ask("cluster", "add", name+"="+c.address(name)))
		c.first = append(c.first[1:], name)
		if c.leader() == gone {
			wantDone(t, c.ask("cluster", "transfer", name))
		}
		wantDone(t, c.ask("cluster", "remove", gone))
		c.nodes[gone].KillNode()
	}
	c.awaitShards()
	shard := c.Shards[0]
	cluster.Await(t, "the shard knows those that are left", cluster.Within, func() string {
		lines := strings.Split(shard.Log(), "\n")
		for i := len(lines) - 1; i >= 0; i-- {
			if !strings.Contains(lines[i], "the coordinators of the cluster have changed") {
				continue
			}
			if slices.ContainsFunc(c.first, func(name string) bool { return !strings.Contains(lines[i], c.address(name)) }) {
				return lines[i]
			}
			return ""
		}
		return "it has not said"
	})
	c.nodes[c.leader()].KillNode()
	c.awaitShards()
	w := small()
	wantDone(t, c.ask(submitArgs(w.opening(t), w.transfers(t))...))

	shard.Stop()
	lost := c.Extra("shard0-again", []string{"shard", "--id", "0", "--coordinator", old}, shard.Data)
	lost.Start()
	cluster.Await(t, "advice", cluster.Within, func() string {
		if log := lost.Log(); !strings.Contains(log, "give --coordinator the present list") {
			return log
		}
		return ""
	})
}
