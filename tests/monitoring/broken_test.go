package monitoring

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// watched is a cluster that a Prometheus watches.
type watched struct {
	*cluster.Cluster
	t     *testing.T
	store *store
	exprs map[string]string // of the alerts, by name
	files int
}

func watch(t *testing.T, o cluster.Options) *watched {
	t.Helper()
	o.Binary = binary
	w := &watched{Cluster: cluster.New(t, o), t: t, store: newStore(), exprs: map[string]string{}}
	for name, rule := range alerts(t) {
		w.exprs[name] = rule.Expr
	}
	w.StartAll()
	return w
}

// scrape asks every daemon once.
func (w *watched) scrape() {
	w.t.Helper()
	w.store.tick()
	for _, n := range w.Nodes() {
		job := "lockstep-shard"
		if slices.Contains(w.Coordinators, n) {
			job = "lockstep-coordinator"
		}
		code, text, err := n.Fetch("/metrics")
		w.store.scraped(w.t, job, n.Name, text, err == nil && code == http.StatusOK)
	}
}

// pending gives the alerts whose expressions hold. What they wait for besides is
// for promtool to test.
func (w *watched) pending() map[string]bool {
	w.t.Helper()
	hold := map[string]bool{}
	for name, expr := range w.exprs {
		if len(w.store.query(w.t, expr)) > 0 {
			hold[name] = true
		}
	}
	return hold
}

// awaits scrapes until these alerts hold, and all others but those that may.
func (w *watched) awaits(what string, may []string, alerts ...string) {
	w.t.Helper()
	cluster.Await(w.t, what, cluster.Within, func() string {
		w.scrape()
		hold := w.pending()
		for _, name := range alerts {
			if !hold[name] {
				return fmt.Sprintf("%s does not hold; these do: %v", name, slices.Sorted(maps.Keys(hold)))
			}
			delete(hold, name)
		}
		for _, name := range may {
			delete(hold, name)
		}
		if len(hold) > 0 {
			return fmt.Sprintf("these hold too: %v", slices.Sorted(maps.Keys(hold)))
		}
		return ""
	})
}

// Operations of a transaction, with its number in place of every N.
const (
	transfers = `{"op":"credit","account":"aN","amount":"9"},{"op":"transfer","from":"aN","to":"bN","amount":"1"}`
	credits   = `{"op":"credit","account":"aN","amount":"9"}` // no shard needs another
)

// submitting begins to submit a block that touches every shard.
func (w *watched) submitting(ops string) *cluster.Command {
	w.t.Helper()
	w.files++
	file := filepath.Join(w.t.TempDir(), "blocks.jsonl")
	var lines strings.Builder
	for i := range 100 {
		fmt.Fprintf(&lines, `{"block":"b%d","ops":[%s]}`+"\n", w.files, strings.ReplaceAll(ops, "N", strconv.Itoa(i)))
	}
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return w.Go("submit", "-o", "json", file)
}

// submit waits until a block is committed.
func (w *watched) submit() {
	w.t.Helper()
	if done := w.submitting(transfers).Wait(); done.Code != 0 {
		w.t.Fatalf("submit ended with %d: %s", done.Code, done.Err)
	}
}

// Alerts that a machine with a slow disk, or one that has much to do, may cause.
var slow = []string{"LockstepSlowDisk", "LockstepSlowDecisions", "LockstepElections"}

func TestNothingIsWrong(t *testing.T) {
	w := watch(t, cluster.Options{Shards: 2})
	w.AwaitReady()
	for range 3 {
		w.submit()
		w.scrape()
	}
	w.awaits("a cluster without alerts", slow)
	for _, expr := range []string{
		`sum(lockstep_blocks_total{decision="committed"}) == 3`,
		`sum(lockstep_transactions_total{outcome="applied"}) == 300`,
		`sum by (phase) (lockstep_block_phase_seconds_count{phase="decide"}) == 3`,
		`min(lockstep_attempt_phase_seconds_count) == 3`,
		`sum(lockstep_exchange_sent_values_total) > 0 and sum(lockstep_exchange_received_values_total) > 0`,
		`sum(lockstep_exchange_wait_seconds_count) > 0`,
		`count(lockstep_shard_connected == 1) == 2`,
	} {
		cluster.Await(t, expr, cluster.Within, func() string {
			w.scrape()
			if len(w.store.query(t, expr)) == 0 {
				return "it does not hold"
			}
			return ""
		})
	}
}

// TestAShardThatIsCutOff: it waits for the coordinator, and blocks wait for it.
func TestAShardThatIsCutOff(t *testing.T) {
	w := watch(t, cluster.Options{Shards: 2})
	w.AwaitReady()
	w.submit()
	w.Shards[1].Uplink.Cut()
	w.AwaitState(1, "waiting_for_coordinator")
	waits := w.submitting(transfers)
	w.awaits("alerts of a partition", slow, "LockstepWaitingForCoordinator", "LockstepShardAway", "LockstepNoProgress")
	w.Shards[1].Uplink.Heal()
	if done := waits.Wait(); done.Code != 0 {
		t.Fatalf("the block that waited ended with %d: %s", done.Code, done.Err)
	}
	w.awaits("no alerts after it", slow)
}

// TestACoordinatorThatIsKilled: what shards have prepared is in doubt.
func TestACoordinatorThatIsKilled(t *testing.T) {
	w := watch(t, cluster.Options{Shards: 2})
	w.AwaitReady()
	w.submit()
	w.scrape()
	w.Shards[1].PauseNode() // its vote is missing
	w.submitting(credits)
	w.AwaitShard(0, "a block prepared", func(s cluster.ShardStatus) bool { return len(s.Prepared) > 0 })
	w.Coordinator.KillNode()
	w.Shards[1].ResumeNode()
	w.awaits("alerts of a coordinator that is gone", append(slow, "LockstepPeerAway"),
		"LockstepInDoubt", "LockstepWaitingForCoordinator", "LockstepDown", "LockstepNotScraped")
	w.Coordinator.Start()
	w.AwaitReady()
	w.awaits("no alerts after it", slow)
}

// TestADiskWithoutSpace: to a shard that wants more than there is, it is full.
func TestADiskWithoutSpace(t *testing.T) {
	w := watch(t, cluster.Options{Shards: 2, ShardArgs: []string{"--min-free-bytes", "1152921504606846976"}})
	w.AwaitCluster("both shards", func(s cluster.ClusterStatus) bool {
		return len(s.Shards) == 2 && s.Shards[0].State == "ready" && s.Shards[1].State == "ready"
	})
	w.submitting(transfers)
	w.awaits("alerts of a full disk", slow, "LockstepNoSpace", "LockstepDiskLow", "LockstepNoProgress")
	if len(w.store.query(t, `sum(lockstep_refused_attempts_total{cause="space"}) > 0`)) == 0 {
		t.Error("no refusal for want of space was counted")
	}
}

// TestAShardThatLostWhatItHad: an old copy of its directory was brought back.
func TestAShardThatLostWhatItHad(t *testing.T) {
	w := watch(t, cluster.Options{Shards: 2, MayQuarantine: true})
	w.AwaitReady()
	w.submit()
	shard := w.Shards[1]
	shard.Stop()
	old := filepath.Join(t.TempDir(), "old")
	if err := os.CopyFS(old, os.DirFS(shard.Data)); err != nil {
		t.Fatal(err)
	}
	shard.Start()
	w.AwaitReady()
	w.submit()
	w.AwaitReady()
	shard.Stop()
	if err := os.RemoveAll(shard.Data); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(old, shard.Data); err != nil {
		t.Fatal(err)
	}
	shard.Start()
	w.awaits("alerts of lost data", append(slow, "LockstepPeerAway", "LockstepInDoubt"),
		"LockstepQuarantined", "LockstepShardRefused", "LockstepShardAway", "LockstepWaitingForCoordinator")
	if len(w.store.query(t, `lockstep_rejected_sessions_total{kind="lost_data"} > 0`)) == 0 {
		t.Error("no rejected session was counted")
	}
}

// TestCoordinatorsThatAreAway: first one too many, then too many.
func TestCoordinatorsThatAreAway(t *testing.T) {
	w := watch(t, cluster.Options{Shards: 1, Coordinators: 3})
	w.AwaitReady()
	w.awaits("a group without alerts", slow)
	leader := w.AwaitLeader()
	var others []*cluster.Node
	for _, n := range w.Coordinators {
		if n != leader {
			others = append(others, n)
		}
	}
	others[0].KillNode()
	w.awaits("alerts of one that is away", slow, "LockstepDown", "LockstepCoordinatorAway", "LockstepNoCoordinatorToSpare")
	others[1].KillNode()
	w.awaits("alerts of no leader", append(slow, "LockstepPeerAway"), "LockstepDown", "LockstepNoLeader", "LockstepWaitingForCoordinator")
	w.StartAll()
	w.AwaitReady()
	w.awaits("no alerts after it", slow)
}
