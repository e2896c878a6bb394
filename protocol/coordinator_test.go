package protocol

import (
	"strings"
	"testing"
	"time"
)

func TestNewCoordinatorRefuses(t *testing.T) {
	config := testConfig("c1", 2)
	for name, c := range map[string]struct {
		state CoordinatorState
		want  string
	}{
		"an epoch that was claimed":  {CoordinatorState{Config: config, Epoch: 5}, "not above epoch 5"},
		"proposals without blocks":   {CoordinatorState{Config: config, Pending: []*Proposed{{Height: 1}}}, "0 blocks for 1"},
		"a shard beyond the cluster": {CoordinatorState{Config: config, Joined: map[ShardID]DirectoryID{2: {}}}, "shard 2"},
	} {
		if _, _, err := NewCoordinator(c.state, 5, nil, CoordinatorOptions{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWaitersAreBounded: everybody may wait for one block, up to a bound.
func TestWaitersAreBounded(t *testing.T) {
	c, _, err := NewCoordinator(CoordinatorState{Config: testConfig("c1", 2)}, 1, nil, CoordinatorOptions{Window: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if c.options.Window != MaxWindow {
		t.Errorf("window of %d", c.options.Window)
	}
	for w := range maxWaiters + 1 {
		e, err := c.Step(Submitted{Block: &Block{Key: "a"}, Waiter: Waiter(w + 1)})
		if err != nil {
			t.Fatal(err)
		}
		if over := w == maxWaiters; over != (len(e.Answer) == 1) || (over && e.Answer[0].Verdict != VerdictOverloaded) {
			t.Fatalf("client %d: %+v", w, e.Answer)
		}
	}
}

// TestStepsDownOnce: what comes after the end changes nothing more.
func TestStepsDownOnce(t *testing.T) {
	c, _, err := NewCoordinator(CoordinatorState{Config: testConfig("c1", 2)}, 1, nil, CoordinatorOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"its log was taken over: first", ""} {
		e, err := c.Step(Fenced{Reason: []string{"first", "second"}[i]})
		if err != nil || e.StepDown != want {
			t.Fatalf("%q, %v", e.StepDown, err)
		}
	}
}

// TestQuarantines: only what proves that data is wrong stops a shard.
func TestQuarantines(t *testing.T) {
	for kind, want := range map[RejectKind]bool{
		RejectConfiguration: false, RejectStale: false, RejectDivergence: true, RejectLostData: true, RejectMalformed: false, 0: false,
	} {
		if kind.Quarantines() != want || (kind == 0) != (kind.String() == "unknown") {
			t.Errorf("%s: %t", kind, kind.Quarantines())
		}
	}
}

// TestHowLongABlockIsUnderWay counts from the first attempt, and of a block that was
// found under way from the start of the incarnation: its older attempts are past.
func TestHowLongABlockIsUnderWay(t *testing.T) {
	found, start := &Block{Key: "found", ID: Digest{1}, Parts: make([]Part, 2)}, time.Unix(1000, 0)
	c, _, err := NewCoordinator(CoordinatorState{Config: testConfig("c1", 2), Pending: []*Proposed{{Height: 1, Key: found.Key, Block: found.ID}}}, 1, []*Block{found}, CoordinatorOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, now := range []time.Time{start, start.Add(time.Minute)} {
		if _, err := c.Step(Tick{now}); err != nil {
			t.Fatal(err)
		}
		if b := c.Status().InFlight; len(b) != 1 || !b[0].UnderWay.Equal(start) || !b[0].Since.IsZero() {
			t.Fatalf("before an attempt: %+v", b)
		}
	}
	var e Effects
	c.begin(0, c.blocks[0], &e)
	c.abort(0, "refused", &e)
	c.now = c.now.Add(time.Minute)
	c.begin(0, c.blocks[0], &e)
	if b := c.Status().InFlight[0]; !b.UnderWay.Equal(start) || !b.Since.Equal(c.now) {
		t.Fatalf("with a second attempt: %+v", b)
	}
}
