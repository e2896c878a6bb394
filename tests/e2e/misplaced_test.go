package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// A data directory under another number, or a coordinator with another number
// of shards, is refused before anything is changed.
func TestMisplacedDirectory(t *testing.T) {
	d := disturb(t, small(), options(2))
	d.StopAll()
	asOne := cluster.Run(t, binary, "shard", "--id", "1", "--coordinator", "127.0.0.1:1", "--data", d.Shards[0].Data)
	wantRefusal(t, asOne, 4, "shard 0")
	asThree := cluster.Run(t, binary, "coordinator", "--shards", "3", "--listen", "127.0.0.1:0", "--http", "", "--data", d.Coordinator.Data)
	wantRefusal(t, asThree, 4, "2 shards")
	d.StartAll()
	d.AwaitReady()
	d.resolves(d.submitting())
}

// A shard that does not belong is turned away with a reason, by the coordinator
// and in its own words; the cluster goes on without noticing.
func TestMisplacedShard(t *testing.T) {
	other := disturb(t, small(), options(2))
	d := disturb(t, small(), options(2))
	stranger := other.Shards[0]
	stranger.Uplink.Cut()
	stranger.Uplink.Aim(d.Coordinator.Address)
	stranger.Uplink.Heal()
	wantTurnedAway(t, stranger, "cluster")

	wantTurnedAway(t, newcomer(t, d, "0"), "director") // a second shard 0
	wantTurnedAway(t, newcomer(t, d, "5"), "shards")   // there are two
	d.resolves(d.submitting())
}

// newcomer starts a shard with an empty directory that dials a cluster.
func newcomer(t *testing.T, d *disturbed, id string) *cluster.Node {
	t.Helper()
	n := d.Extra("newcomer"+id, []string{"shard", "--id", id, "--coordinator", d.Coordinator.Address}, filepath.Join(t.TempDir(), "data"))
	n.Start()
	return n
}

func wantTurnedAway(t *testing.T, n *cluster.Node, reason string) {
	t.Helper()
	cluster.Await(t, n.Name+" is turned away", cluster.Within, func() string {
		s, err := n.ShardStatus()
		if err != nil || s.State != waiting || !contains(s.Reason, reason) {
			return "its status is " + s.State + " " + s.Reason
		}
		return ""
	})
	if code, body, err := n.Fetch("/readyz"); err != nil || code != 503 || !strings.Contains(strings.ToLower(body), reason) {
		t.Errorf("/readyz answers %d %q, error %v", code, body, err)
	}
}
