package chaos

import (
	"context"
	"slices"
	"testing"
	"time"
)

const (
	// What a failover may take, from the SIGKILL of the leader to the next
	// committed block.
	failoverMedian = 2 * time.Second
	failoverMost   = 5 * time.Second
	// lateAnswers is how long after a kill answers of the dead leader may still be
	// on their way; nobody else can lead so soon.
	lateAnswers = 200 * time.Millisecond
	// backAfter is when a killed coordinator is started again.
	backAfter = 2 * time.Second
)

// TestLeaderKills kills the leader again and again under load, and measures how
// long it takes until the next block is committed.
func TestLeaderKills(t *testing.T) {
	if *killFlag <= 0 {
		t.Skip("a measurement: ask for it with -chaos.leaderkill=10s")
	}
	seed := seed(t)
	g := begin(t, seed, options(max(*groupFlag, 3)).Options, duration(time.Minute), nil)
	g.leastKills = 0.5 / killFlag.Minutes() // failovers and restarts take their time too
	k := &leaderKiller{game: g, every: *killFlag}
	g.suffer(k.run)
	g.settleDown()
	slices.Sort(k.took)
	g.result.Failovers, g.result.FailoversMs = len(k.took), percentiles(k.took)
	g.prove()
	g.result.show(t)
	if len(k.took) == 0 {
		t.Fatal("no leader was killed")
	}
	if median, most := k.took[len(k.took)/2], k.took[len(k.took)-1]; median > failoverMedian || most > failoverMost {
		t.Errorf("failovers took %s in the median and %s at most, want at most %s and %s", median, most, failoverMedian, failoverMost)
	}
}

// leaderKiller is a nemesis that does one thing.
type leaderKiller struct {
	*game
	every time.Duration
	took  []time.Duration // from a kill to the next committed block
}

// run kills until ctx ends. Every failover is seen to its end.
func (k *leaderKiller) run(ctx context.Context) {
	for ordinal := 1; rest(ctx, k.every); ordinal++ {
		s := &step{nemesis: k.nemesis, ordinal: ordinal, kind: "kill the leader"}
		onLeader(s, func(m *member) { k.strike(s, m) })
	}
}

func (k *leaderKiller) strike(s *step, m *member) {
	m.process.Lock()
	defer m.process.Unlock()
	s.happens("kill %s, member %s", m.Name, m.Member)
	began := time.Now()
	m.kill()
	time.Sleep(lateAnswers)
	fresh := k.load.answers.fresh
	select {
	case <-fresh:
	default:
	}
	select {
	case <-fresh:
		took := time.Since(began)
		k.took = append(k.took, took)
		s.note("a block is committed %s after the kill", took)
	case <-time.After(lastPatience):
		s.fail("no block is committed within %s of the kill of %s", lastPatience, m.Name)
	}
	time.Sleep(max(0, backAfter-time.Since(began)))
	m.restart(s)
}
