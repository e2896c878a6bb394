package dashboard

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

func TestExplain(t *testing.T) {
	with := func(change func(*wirepb.ClusterStatus)) View {
		c := cluster()
		change(c)
		return View{Here: Here{Name: "c1", Leads: true}, Cluster: c}
	}
	unreachable := func(names ...string) (list []*wirepb.CoordinatorStatus) {
		for _, name := range []string{"c1", "c2", "c3", "c4", "c5"} {
			m := &wirepb.CoordinatorStatus{Name: name, State: wirepb.CoordinatorState_COORDINATOR_STATE_READY}
			for _, other := range names {
				if other == name {
					m.State = wirepb.CoordinatorState_COORDINATOR_STATE_UNREACHABLE
				}
			}
			list = append(list, m)
		}
		return list
	}
	for name, test := range map[string]struct {
		view  View
		rate  float64
		level string
		says  []string // in text, detail and do
	}{
		"idle":    {view: View{Cluster: cluster()}, level: "well", says: []string{"Ready for blocks", "height 812"}},
		"working": {view: View{Cluster: cluster()}, rate: 5, level: "well", says: []string{"being committed"}},
		"a shard is away": {view: View{Cluster: away(cluster(), 2, 3)}, level: "waiting",
			says: []string{"Waits for shard 2: not connected for 14 s.", "Blocks 813 to 815 are prepared on shards 0 and 1; nothing is lost.", "does not answer at 10.0.0.1:7410 either"}},
		"a shard is cut off and in doubt": {view: with(func(c *wirepb.ClusterStatus) {
			away(c, 1, 1).Shards[1].Report = &wirepb.ShardReport{Status: &wirepb.ShardStatus{Id: 1, Prepared: []*wirepb.PreparedAttempt{{Height: 812, AgeMs: 15000}, {Height: 813}}}}
		}), level: "waiting", says: []string{"Block 813 is prepared on shards 0 and 2", "Shard 1 holds 2 blocks prepared, for up to 15 s", "1 block is decided", "the way from it to the coordinator is cut"}},
		"two shards are away": {view: View{Cluster: away(away(cluster(), 0, 0), 2, 0)}, level: "waiting", says: []string{"Waits for shards 0 and 2", "No block is under way"}},
		"blocks wait": {view: with(func(c *wirepb.ClusterStatus) { away(c, 2, 0).QueuedBlocks = 4 }), level: "waiting",
			says: []string{"4 blocks wait, at most for the time"}},
		"a shard is refused": {view: with(func(c *wirepb.ClusterStatus) { away(c, 2, 0).Shards[2].Reason = "another data directory" }), level: "stopped",
			says: []string{"Shard 2 is refused: another data directory."}},
		"quarantine": {view: with(func(c *wirepb.ClusterStatus) {
			c.Shards[1].State, c.Shards[1].Reason = wirepb.ShardState_SHARD_STATE_QUARANTINED, "digests differ"
		}), level: "stopped", says: []string{"Shard 1 is in quarantine: digests differ.", "Leave every data directory as it is"}},
		"the coordinator has stopped": {view: with(func(c *wirepb.ClusterStatus) { c.Quarantined = "roots differ" }), level: "stopped", says: []string{"decides nothing more: roots differ."}},
		"no space":                    {view: with(func(c *wirepb.ClusterStatus) { c.Obstructed = "3 MiB are free" }), level: "waiting", says: []string{"takes up no more blocks: 3 MiB are free."}},
		"a shard refuses": {view: with(func(c *wirepb.ClusterStatus) { c.Shards[0].Reason = "3 MiB are free" }), level: "waiting",
			says: []string{"Shard 0 does not prepare: 3 MiB are free.", "tried again"}},
		"values": {view: with(func(c *wirepb.ClusterStatus) {
			c.InFlight = []*wirepb.InFlight{{Height: 813, Attempt: 1, AgeMs: 2500, WaitingFor: []uint32{0, 1}}}
			c.Shards[0].Report.Status.WaitsForValues = []uint32{2}
			c.Shards[1].Report.Status.WaitsForValues = []uint32{2}
		}), level: "waiting", says: []string{"Shards 0 and 1 wait for values from shard 2, for 2 s."}},
		"a slow vote": {view: with(func(c *wirepb.ClusterStatus) {
			c.InFlight = []*wirepb.InFlight{{Height: 813, Attempt: 1, AgeMs: 2500, WaitingFor: []uint32{1}}}
		}), level: "waiting", says: []string{"Waits for the vote of shard 1 on block 813, for 2 s."}},
		"a slow decision": {view: with(func(c *wirepb.ClusterStatus) {
			c.InFlight = []*wirepb.InFlight{{Height: 813, Attempt: 1, AgeMs: 2500}}
		}), level: "waiting", says: []string{"Waits for the coordinator's log: block 813 has every vote"}},
		"a fast vote": {view: with(func(c *wirepb.ClusterStatus) {
			c.InFlight = []*wirepb.InFlight{{Height: 813, Attempt: 1, AgeMs: 100, WaitingFor: []uint32{1}}}
		}), level: "well", says: []string{"being committed"}},
		"catching up": {view: with(func(c *wirepb.ClusterStatus) {
			c.Shards[2].State, c.Shards[2].CommittedHeight = wirepb.ShardState_SHARD_STATE_CATCHING_UP, 692
		}), level: "notice", says: []string{"Shard 2 is catching up: 120 blocks behind."}},
		"one of five is away":  {view: View{Cluster: cluster(), Members: unreachable("c4")}, level: "notice", says: []string{"coordinator c4 does not take part", "1 coordinator more can be lost"}},
		"two of five are away": {view: View{Cluster: cluster(), Members: unreachable("c4", "c5")}, level: "notice", says: []string{"coordinators c4 and c5 do not", "If one more is lost"}},
		"a learner is away": {view: View{Cluster: cluster(), Members: append(unreachable(), &wirepb.CoordinatorStatus{Name: "c6",
			Role: wirepb.CoordinatorRole_COORDINATOR_ROLE_LEARNER, State: wirepb.CoordinatorState_COORDINATOR_STATE_UNREACHABLE})},
			level: "notice", says: []string{"coordinator c6 does not take part", "2 coordinators more can be lost"}},
		"no leader":     {view: View{Here: Here{Name: "c1"}, Failure: "none"}, level: "waiting", says: []string{"No coordinator leads", "a majority"}},
		"a newcomer":    {view: View{Here: Here{Name: "c4", Waiting: true}}, level: "waiting", says: []string{"Coordinator c4 waits to be added", "cluster add"}},
		"a removed one": {view: View{Here: Here{Name: "c4", Removed: true}}, level: "waiting", says: []string{"Coordinator c4 was removed", "another coordinator"}},
		"the leader is not reached": {view: View{Here: Here{Name: "c1", Leader: "c2", LeaderAddress: "10.0.0.2:7400"}, Failure: "cannot reach it"}, level: "waiting",
			says: []string{"Coordinator c2 leads, at 10.0.0.2:7400", "Cannot reach it."}},
	} {
		s := Explain(test.view, test.rate)
		all := s.Text + " " + s.Detail + " " + s.Do
		for _, part := range test.says {
			if !strings.Contains(all, part) {
				t.Errorf("%s: it says %q, want %q", name, all, part)
			}
		}
		if s.Level != test.level || s.Kind == "" || !strings.HasSuffix(s.Text, ".") || (s.Level != "well" && s.Docs == nil) {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// anchor is how a heading of the documentation is linked to.
func anchor(heading string) string {
	heading = strings.ToLower(strings.TrimSpace(heading))
	heading = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(heading, "")
	return strings.ReplaceAll(heading, " ", "-")
}

func TestDocsSectionsAreThere(t *testing.T) {
	for _, docs := range append(allDocsSections, &Docs{Path: "docs/failures.md#the-coordinator-is-away"}) {
		file, section, _ := strings.Cut(docs.Path, "#")
		text, err := os.ReadFile(filepath.Join("..", "..", "..", file))
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for line := range strings.Lines(string(text)) {
			heading := strings.TrimLeft(line, "#")
			found = found || heading != line && anchor(heading) == section
		}
		if !found {
			t.Errorf("%s has no section %s", file, section)
		}
	}
}
