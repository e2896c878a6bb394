package chaos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

const (
	// leastRate is how many transactions across shards a run must commit a
	// second, on average over faults and all.
	leastRate = 1000
	// leastKills is how many SIGKILLs there must be a minute, in a run that is
	// long enough for chance to even out.
	leastKills   = 10
	leastKilling = 2 * time.Minute
	// The history is checked on the way four times, or every two minutes.
	mostBetweenChecks = 2 * time.Minute
)

// game is one run.
type game struct {
	*cluster.Cluster
	t       *testing.T
	seed    uint64
	long    time.Duration // under faults
	members []*member     // coordinators first
	nemesis *nemesis
	load    *load
	readers *readers
	audit   *audit
	failed  chan error // has the first thing that must not happen
	result  result
	// leastRate and leastKills are what the run must come to, as the constants are for
	// most runs.
	leastRate, leastKills float64
}

// play runs a cluster under faults and proves what is left.
func play(t *testing.T, seed uint64, o cluster.Options, long time.Duration, faults []fault) {
	t.Helper()
	i, err := newInjector()
	tell(t, "failing syncs", err)
	faults = slices.Concat(processFaults(), faults, i.faults())
	if o.Coordinators > 1 {
		faults = append(faults, groupFaults()...)
	}
	g := begin(t, seed, o, long, faults)
	g.suffer(g.nemesis.run)
	g.settleDown()
	g.prove()
	g.result.show(t)
}

// begin starts a cluster with everything that a run has.
func begin(t *testing.T, seed uint64, o cluster.Options, long time.Duration, faults []fault) *game {
	t.Helper()
	g := &game{t: t, seed: seed, long: long, leastRate: leastRate, leastKills: leastKills, Cluster: cluster.Start(t, o), failed: make(chan error, 1)}
	g.members, g.audit = membersOf(g.Cluster), newAudit(newPlan(g.seed))
	g.begin(faults)
	return g
}

// begin starts clients, readers and the nemesis.
func (g *game) begin(faults []fault) {
	g.t.Helper()
	log, err := os.Create(filepath.Join(g.Dir(), "nemesis.log"))
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { g.showLog(log) })
	if g.load, err = startLoad(g.audit.plan, g.Addresses(), g.failed); err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(g.load.close)
	if g.readers, err = startReaders(g.audit.plan, g.Addresses(), g.readable(), g.failed); err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(g.readers.end)
	g.nemesis = &nemesis{
		seed: g.seed, cluster: g.Cluster, members: g.members, coordinators: g.members[:len(g.Coordinators)], deck: &deck{seed: g.seed, kinds: faults}, failed: g.failed,
		log: log, began: time.Now(), counts: map[string]int{},
	}
}

// readable are the addresses of shards that stay the same over restarts.
func (g *game) readable() (addresses []string) {
	for _, s := range g.Shards {
		address := s.Address
		if s.Inbound != nil {
			address = s.Inbound.Address()
		}
		addresses = append(addresses, address)
	}
	return addresses
}

// suffer lets something loose, until it returns or its time is over, and looks at
// memory and history meanwhile.
func (g *game) suffer(torment func(context.Context)) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), g.long)
	defer cancel()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		g.watchMemory(ctx)
	}()
	struck := make(chan struct{})
	go func() {
		defer close(struck)
		torment(ctx)
	}()
	check := time.NewTicker(min(g.long/4, mostBetweenChecks))
	defer check.Stop()
	for ctx.Err() == nil {
		select {
		case <-check.C:
			g.glance(ctx)
		case <-struck:
			cancel()
		case err := <-g.failed:
			g.t.Error(err)
			cancel()
		case <-ctx.Done():
		}
	}
	<-struck
	<-watched
	if g.t.Failed() {
		g.t.FailNow()
	}
}

// watchMemory looks at every process now and then.
func (g *game) watchMemory(ctx context.Context) {
	for rest(ctx, 500*time.Millisecond) {
		for _, m := range g.members {
			m.look()
		}
	}
}

// glance checks what is known so far; a history that cannot be had now is left
// for the next time.
func (g *game) glance(ctx context.Context) {
	g.t.Helper()
	committed, abandoned := g.load.answers.known()
	err := g.audit.follow(ctx, g.load.client)
	var away *unreachable
	switch {
	case errors.As(err, &away) && ctx.Err() != nil:
		return // the proof comes at once
	case errors.As(err, &away):
		g.t.Logf("%s: height %d; no more of the history can be had now: %v", g.since(), g.audit.at, away)
		return
	}
	if err == nil {
		err = errors.Join(g.audit.answered(committed, abandoned), g.audit.read(g.readers.take(g.audit.at)))
	}
	if err != nil {
		report(g.failed, err)
		return
	}
	g.t.Logf("%s: height %d, %d transactions, %d reads: sound", g.since(), g.audit.at, g.audit.transactions, g.audit.reads)
}

// settleDown waits until every client has its answer and the cluster is ready
// (invariant 7).
func (g *game) settleDown() {
	g.t.Helper()
	g.HealAll()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		g.load.end()
	}()
	select {
	case <-answered:
	case <-time.After(3 * lastPatience):
		g.t.Fatalf("clients have no answer %s after the last fault", 3*lastPatience)
	}
	g.result.took = time.Since(g.nemesis.began)
	g.readers.end()
	select {
	case err := <-g.failed:
		g.t.Fatal(err)
	default:
	}
	g.AwaitReady()
}

func (g *game) since() time.Duration { return time.Since(g.nemesis.began).Round(time.Second) }

func (g *game) showLog(log *os.File) {
	defer log.Close()
	if !g.t.Failed() {
		return
	}
	text, err := os.ReadFile(log.Name())
	if err != nil {
		g.t.Error(err)
	}
	g.t.Logf("what the nemesis did:\n%s", text)
}

// kills is how many SIGKILLs there were.
func (g *game) kills() (all int64) {
	for _, m := range g.members {
		all += m.kills.Load()
	}
	return all
}

// sortedKinds lists what happened by kind.
func sortedKinds(counts map[string]int) (lines []string) {
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		lines = append(lines, fmt.Sprintf("%-32s %6d", kind, counts[kind]))
	}
	return lines
}
