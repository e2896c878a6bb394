package executor

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
)

// cross is a block with one transaction: shard 0 executes it, with a value
// that shard 1 owes. values is what shard 1 pushes for it.
func cross(c protocol.Config, value string) (block []protocol.Transaction, values []byte) {
	zero, one := keysOn(c.Slots, 0, 1)[0], keysOn(c.Slots, 1, 1)[0]
	block = []protocol.Transaction{txn("a", "x:"+zero, "r:"+one)}
	at := slices.IndexFunc(block[0].Access, func(a protocol.Access) bool { return string(a.Key) == one })
	return block, appendValue(nil, 0, at, []byte(value), true)
}

// digestOf is what the block comes to on shard 0 with that value.
func digestOf(t *testing.T, c protocol.Config, block []protocol.Transaction, value string) protocol.Sum {
	t.Helper()
	s := NewSequential(mixer, c.Limits)
	s.state[keysOn(c.Slots, 1, 1)[0]] = []byte(value)
	if _, err := s.Execute(block); err != nil {
		t.Fatal(err)
	}
	return protocol.SumOf(s.StateDigest(c.Slots, 0))
}

func wantDelta(t *testing.T, e protocol.Executed, want protocol.Sum) {
	t.Helper()
	if e.Failure != nil {
		t.Fatalf("attempt %s is refused: %s", e.Attempt, e.Failure.Reason)
	}
	if e.Delta.Digest() != want.Digest() {
		t.Fatalf("attempt %s comes to digest %s, want %s", e.Attempt, e.Delta.Digest(), want.Digest())
	}
}

func TestEarlyValuesAreKeptForTheirAttempt(t *testing.T) {
	m := solo(t, 2, RunnerOptions{})
	block, old := cross(m.config, "old")
	_, right := cross(m.config, "right")
	r := m.runners[0]
	for _, d := range []struct {
		a      protocol.AttemptID
		values []byte
	}{{at(1, 1), old}, {at(1, 2), right}} {
		if err := r.Deliver(1, d.a, d.values); err != nil {
			t.Fatal(err)
		}
	}
	m.execute(0, at(1, 2), protocol.AttemptID{}, block)
	wantDelta(t, m.result(0), digestOf(t, m.config, block, "right"))
	if n := keptEarly(t, r); n != 0 {
		t.Errorf("%d early bytes are still kept", n)
	}
}

func TestValuesOfAnOlderAttemptNeverReachTheNext(t *testing.T) {
	m := solo(t, 2, RunnerOptions{})
	block, old := cross(m.config, "old")
	_, right := cross(m.config, "right")
	r := m.runners[0]
	m.execute(0, at(1, 1), protocol.AttemptID{}, block)
	r.Drop(1)
	m.execute(0, at(1, 2), protocol.AttemptID{}, block)
	for _, d := range []struct {
		a      protocol.AttemptID
		values []byte
	}{{at(1, 1), old}, {at(1, 2), right}, {at(1, 1), old}, {at(1, 2), right}} {
		if err := r.Deliver(1, d.a, d.values); err != nil {
			t.Fatal(err)
		}
	}
	wantDelta(t, m.result(0), digestOf(t, m.config, block, "right"))
	m.quiet()
}

// TestValuesOfTheNextAttemptAreKeptWhileAnOlderOneRuns: a peer may hear of the
// abort first.
func TestValuesOfTheNextAttemptAreKeptWhileAnOlderOneRuns(t *testing.T) {
	m := solo(t, 2, RunnerOptions{})
	block, values := cross(m.config, "v")
	m.execute(0, at(1, 1), protocol.AttemptID{}, block)
	if err := m.runners[0].Deliver(1, at(1, 2), values); err != nil {
		t.Fatal(err)
	}
	m.runners[0].Drop(1)
	m.execute(0, at(1, 2), protocol.AttemptID{}, block)
	wantDelta(t, m.result(0), digestOf(t, m.config, block, "v"))
}

func TestEarlyValuesAreBounded(t *testing.T) {
	m := solo(t, 2, RunnerOptions{EarlyBytes: 1000})
	r := m.runners[0]
	values := make([]byte, 400)
	for range 2 {
		if err := r.Deliver(1, at(3, 1), values); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Deliver(1, at(3, 1), values); !errors.Is(err, ErrEarly) {
		t.Fatalf("got %v", err)
	}
	// What is committed, or begun anew, makes room.
	r.Commit(3)
	for range 2 {
		if err := r.Deliver(1, at(4, 1), values); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Deliver(1, at(4, 1), values); !errors.Is(err, ErrEarly) {
		t.Fatalf("got %v", err)
	}
	if err := r.Deliver(1, at(2, 1), values); err != nil {
		t.Errorf("values of a committed height: %v", err)
	}
	block, _ := cross(m.config, "")
	m.states[0].top = 3
	m.execute(0, at(4, 2), at(3, 1), block)
	if err := r.Deliver(1, at(5, 1), values); err != nil {
		t.Errorf("there should be room: %v", err)
	}
}

func TestAnAttemptThatWaitsForItsTurnKeepsBoundedValues(t *testing.T) {
	m := solo(t, 2, RunnerOptions{EarlyBytes: 1000})
	m.states[0].setBacklog(1 << 40)
	block, values := cross(m.config, "v")
	r := m.runners[0]
	m.execute(0, at(1, 1), protocol.AttemptID{}, block)
	if err := r.Deliver(1, at(1, 1), values); err != nil {
		t.Fatal(err)
	}
	if err := r.Deliver(1, at(1, 1), make([]byte, 2000)); !errors.Is(err, ErrEarly) {
		t.Fatalf("got %v", err)
	}
	m.reaches(0, 1, planned)
	r.Tick()
	m.reaches(0, 1, planned)
	m.states[0].setBacklog(0) // the checkpoint has caught up
	r.Tick()
	wantDelta(t, m.result(0), digestOf(t, m.config, block, "v"))
}

func TestFarAheadIsRefused(t *testing.T) {
	m := solo(t, 2, RunnerOptions{})
	if err := m.runners[0].Deliver(1, at(maxAhead+1, 1), nil); err == nil || errors.Is(err, ErrEarly) {
		t.Errorf("got %v", err)
	}
	if err := m.runners[0].Deliver(1, at(maxAhead, 1), nil); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestALyingPeerHarmsNobody(t *testing.T) {
	m := solo(t, 2, RunnerOptions{})
	block, values := cross(m.config, "right")
	r := m.runners[0]
	m.execute(0, at(1, 1), protocol.AttemptID{}, block)
	m.reaches(0, 1, running)
	for _, lie := range [][]byte{[]byte("nonsense"), appendValue(nil, 7, 0, nil, true)} {
		if err := r.Deliver(1, at(1, 1), lie); err == nil || errors.Is(err, ErrEarly) {
			t.Errorf("got %v", err)
		}
	}
	if err := r.Deliver(1, at(1, 1), values); err != nil {
		t.Fatal(err)
	}
	wantDelta(t, m.result(0), digestOf(t, m.config, block, "right"))
}

func TestEarlyLiesRefuseTheAttempt(t *testing.T) {
	m := solo(t, 2, RunnerOptions{})
	block, _ := cross(m.config, "")
	if err := m.runners[0].Deliver(1, at(1, 1), []byte("nonsense")); err != nil {
		t.Fatal(err)
	}
	m.execute(0, at(1, 1), protocol.AttemptID{}, block)
	if e := m.result(0); e.Failure == nil || !e.Failure.Retry {
		t.Errorf("got %+v", e.Failure)
	}
}

func TestDropEndsAnExecutionThatWaits(t *testing.T) {
	m := solo(t, 2, RunnerOptions{})
	block, _ := cross(m.config, "")
	local := []protocol.Transaction{txn("a", "x:"+keysOn(m.config.Slots, 0, 1)[0])}
	r := m.runners[0]
	m.execute(0, at(1, 1), protocol.AttemptID{}, local)
	if e := m.result(0); e.Failure != nil {
		t.Fatal(e.Failure)
	}
	m.execute(0, at(2, 1), at(1, 1), block) // waits for shard 1
	m.execute(0, at(3, 1), at(2, 1), local) // waits for height 2
	r.Drop(2)
	eventually(t, "height 2 and 3 are forgotten", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.executions) == 1
	})
	if top := m.states[0].staged(); top != 1 {
		t.Errorf("staged up to %d", top)
	}
	m.execute(0, at(2, 2), at(1, 1), local)
	if e := m.result(0); e.Failure != nil || e.Attempt != at(2, 2) {
		t.Errorf("got %v %v", e.Attempt, e.Failure)
	}
	r.Drop(1) // takes height 2 with it
	if top := m.states[0].staged(); top != 0 {
		t.Errorf("staged up to %d", top)
	}
	m.quiet()
}

func TestRestoreServesPushedValuesAgain(t *testing.T) {
	m := solo(t, 2, RunnerOptions{EarlyBytes: 1000})
	r, box := m.runners[0], m.lines[0].to(1)
	key := keysOn(m.config.Slots, 0, 1)[0]
	write := protocol.EncodeWrites([]protocol.WriteOp{{Key: []byte(key), Value: []byte("restored")}})
	p := &protocol.Prepared{Attempt: at(1, 1), Writes: write, Pushed: encodePushed([][]byte{nil, []byte("values")})}
	if err := r.Restore(p); err != nil {
		t.Fatal(err)
	}
	if got := readOut(box, 0); !slices.Equal(got, []string{"1/1.1 values"}) {
		t.Errorf("pushed %q", got)
	}
	// The height above reads what was staged, and late values do no harm.
	if err := r.Deliver(1, at(1, 1), make([]byte, 2000)); err != nil {
		t.Errorf("late values: %v", err)
	}
	block := []protocol.Transaction{txn("a", "x:"+key)}
	m.execute(0, at(2, 1), at(1, 1), block)
	want := NewSequential(mixer, m.config.Limits)
	want.state[key] = []byte("restored")
	before := protocol.SumOf(want.StateDigest(m.config.Slots, 0))
	if _, err := want.Execute(block); err != nil {
		t.Fatal(err)
	}
	e := m.result(0)
	if e.Failure != nil || before.Add(e.Delta).Digest() != want.StateDigest(m.config.Slots, 0) {
		t.Errorf("got %v %v", e.Failure, e.Delta)
	}
	r.Commit(1)
	if got := readOut(box, 0); len(got) != 0 {
		t.Errorf("kept %q after the commit", got)
	}
	for _, broken := range []*protocol.Prepared{
		{Attempt: at(2, 9), Writes: []byte("nonsense")},
		{Attempt: at(9, 9), Writes: write},
	} {
		if err := r.Restore(broken); err == nil {
			t.Errorf("%s was restored", broken.Attempt)
		}
	}
}

func TestASilentPeerRefusesTheAttempt(t *testing.T) {
	m := solo(t, 3, RunnerOptions{PeerTimeout: time.Second})
	m.lines[0].setSilent(1, time.Second)
	m.lines[0].setSilent(2, time.Hour) // owes nothing, so nobody minds
	block, _ := cross(m.config, "")
	m.execute(0, at(1, 1), protocol.AttemptID{}, block)
	m.reaches(0, 1, running)
	m.runners[0].Tick()
	m.reaches(0, 1, running)
	m.lines[0].setSilent(1, time.Second+1)
	m.runners[0].Tick()
	e := m.result(0)
	if e.Failure == nil || !e.Failure.Retry || !strings.Contains(e.Failure.Reason, "shard 1") {
		t.Fatalf("got %+v", e.Failure)
	}
	local := []protocol.Transaction{txn("a", "x:"+keysOn(m.config.Slots, 0, 1)[0])}
	m.runners[0].Drop(1)
	m.execute(0, at(1, 2), protocol.AttemptID{}, local)
	if e := m.result(0); e.Failure != nil {
		t.Errorf("a block that needs no peer is refused: %s", e.Failure.Reason)
	}
}

func TestValuesThatDoNotComeRefuseTheAttempt(t *testing.T) {
	m := solo(t, 2, RunnerOptions{StallTimeout: time.Minute})
	block, _ := cross(m.config, "")
	m.execute(0, at(1, 1), protocol.AttemptID{}, block)
	m.reaches(0, 1, running)
	m.elapsed.Add(int64(time.Minute))
	m.runners[0].Tick()
	m.reaches(0, 1, running)
	m.elapsed.Add(1)
	m.runners[0].Tick()
	if e := m.result(0); e.Failure == nil || !e.Failure.Retry || !strings.Contains(e.Failure.Reason, "[1]") {
		t.Errorf("got %+v", e.Failure)
	}
}
