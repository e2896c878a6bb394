package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

const (
	// leastKills is how many there must be in a run.
	leastKills = 50
	// killEvery is how many blocks commit between two kills: the 128 blocks
	// of the two files then make room for all of them.
	killEvery = 1
)

// SIGKILL of any process, again and again, while real blocks are submitted: the
// same state comes out, under the same root.
func TestKillsDuringSubmission(t *testing.T) {
	heavy(t)
	ledger, accesses := realBlocks(t)
	calm := start(t, 4)
	want := submit(t, calm, ledger, accesses)
	calm.AwaitReady()
	calm.StopAll()

	c := start(t, 4)
	k := &killer{t: t, c: c, random: seeded(t)}
	k.submitUnderFire(ledger, accesses)
	if k.kills < leastKills {
		t.Errorf("only %d kills", k.kills)
	}
	c.AwaitReady()
	if submit(t, c, ledger, accesses) != want {
		t.Error("the answers differ from those of an undisturbed run")
	}
	c.StopAll()
	state := c.Dump()
	wantRealBalances(t, state)
	cluster.WantSame(t, "state compared with an undisturbed run", state, calm.Dump())
}

// seeded makes a random source of the seed that LOCKSTEP_SEED gives, or of a
// new one, and tells which.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if given := os.Getenv("LOCKSTEP_SEED"); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatalf("LOCKSTEP_SEED: %v", err)
		}
	}
	t.Logf("LOCKSTEP_SEED=%d repeats the choices", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// killer kills and restarts processes while a submission goes on.
type killer struct {
	t      *testing.T
	c      *cluster.Cluster
	random *rand.Rand
	kills  int
}

// submitUnderFire submits files, and again whenever the outcome of a block is
// unknown or it was withdrawn, until all is committed.
func (k *killer) submitUnderFire(files ...string) {
	k.t.Helper()
	fired := 0
	for run := 1; ; run++ {
		timeout := patience[k.random.IntN(len(patience))]
		submission := k.c.Go(append([]string{"submit", "-o", "json", "--pipeline", "2", "--timeout", timeout}, files...)...)
		fired = k.fire(submission, fired)
		r := submission.Wait()
		if r.Code == 0 {
			k.t.Logf("%d kills, submitted %d times", k.kills, run)
			return
		}
		k.wantAskAgain(r)
		if run > 200 {
			k.t.Fatalf("submitted %d times without coming to the end: %s", run, r.Err)
		}
	}
}

// patience is what a client may have: enough to see every block through, or so
// little that it gives up when a process is away.
var patience = []string{"60s", "200ms"}

// wantAskAgain checks that a submission that gave up says which block it gave
// up on, and whether its outcome is unknown.
func (k *killer) wantAskAgain(r cluster.Result) {
	k.t.Helper()
	unknown := r.Code == 3 && (strings.Contains(r.Err, "unknown") || strings.Contains(r.Err, "reach"))
	withdrawn := r.Code == 1 && strings.Contains(r.Err, "was aborted")
	if !unknown && !withdrawn {
		k.t.Fatalf("submit ended with exit code %d: %s", r.Code, r.Err)
	}
}

// fire kills something after every few blocks for as long as a submission
// runs, and gives how many blocks it came to.
func (k *killer) fire(submission *cluster.Command, blocks int) int {
	k.t.Helper()
	for {
		now, more := k.await(submission, blocks+killEvery)
		if !more {
			return max(now, blocks)
		}
		blocks = now
		k.pause(5 * time.Millisecond)
		victim := k.c.Nodes()[k.random.IntN(len(k.c.Nodes()))]
		victim.KillNode()
		k.kills++
		k.pause(60 * time.Millisecond)
		victim.Start()
	}
}

// await waits until so many blocks are committed, or the submission ends.
func (k *killer) await(submission *cluster.Command, blocks int) (now int, more bool) {
	k.t.Helper()
	cluster.Await(k.t, "more blocks, or the end", 2*cluster.Within, func() string {
		if now, more = submission.Lines(); more && now < blocks {
			return fmt.Sprintf("%d blocks, want %d", now, blocks)
		}
		return ""
	})
	return now, more
}

// pause makes the moment of what follows a random one.
func (k *killer) pause(most time.Duration) {
	time.Sleep(time.Duration(k.random.Int64N(int64(most))))
}
