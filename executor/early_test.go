package executor

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/lockstep-exec/lockstep/protocol"
)

// keptEarly gives what is kept of values that came early, in bytes, and checks that
// it is what is accounted for.
func keptEarly(t fataler, r *Runner) (bytes int64) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	b, used, common := &r.early, map[protocol.ShardID]int64{}, int64(0)
	for h, list := range b.heights {
		if len(list) == 0 {
			t.Fatalf("height %d is kept for nothing", h)
		}
		for _, k := range list {
			sum := int64(0)
			for _, values := range k.batches {
				sum += int64(len(values)) + keptBytes
			}
			if k.attempt.Height != h || k.bytes != sum {
				t.Fatalf("%d bytes of attempt %s are at height %d as %d bytes", sum, k.attempt, h, k.bytes)
			}
			used[k.from] += sum
			bytes += sum
		}
	}
	for s, n := range b.used {
		if used[s] != n {
			t.Fatalf("%d bytes of shard %d are kept, %d accounted for", used[s], s, n)
		}
		common += max(0, n-b.share)
	}
	if common != b.common || common > b.mostCommon {
		t.Fatalf("the peers use %d bytes of the common room, %d are accounted for, %d there", common, b.common, b.mostCommon)
	}
	return bytes
}

// fills has a peer push values for attempts that nobody will begin, until there is no
// room for more.
func fills(t *testing.T, r *Runner, from protocol.ShardID, height func(i uint32) protocol.AttemptID) {
	t.Helper()
	for i := range uint32(1000) {
		if err := r.Deliver(from, height(i), make([]byte, 36)); errors.Is(err, ErrEarly) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("all that shard %d pushed was kept", from)
}

// TestWhatAPeerPushesKeepsNoOtherOut: it may fill what is common and its own share, and
// everybody else has his.
func TestWhatAPeerPushesKeepsNoOtherOut(t *testing.T) {
	m := solo(t, 4, RunnerOptions{EarlyBytes: 1200})
	r := m.runners[0]
	fills(t, r, 3, func(i uint32) protocol.AttemptID { return at(protocol.Height(i+2), 1) })
	for _, from := range []protocol.ShardID{1, 2} {
		for range 2 { // 100 bytes each, of a share of 200
			if err := r.Deliver(from, at(1, 1), make([]byte, 36)); err != nil {
				t.Errorf("shard %d, which has sent nothing yet: %v", from, err)
			}
		}
		if err := r.Deliver(from, at(1, 1), nil); !errors.Is(err, ErrEarly) {
			t.Errorf("shard %d has used its share: %v", from, err)
		}
	}
	if n := keptEarly(t, r); n > 1200 {
		t.Errorf("%d bytes are kept", n)
	}
}

// TestAllThatWaitShareOneRoom: attempts that wait for their turn, and those that have
// not begun.
func TestAllThatWaitShareOneRoom(t *testing.T) {
	m := solo(t, 2, RunnerOptions{EarlyBytes: 1000})
	m.states[0].setBacklog(1 << 40)
	block, _ := cross(m.config, "")
	r := m.runners[0]
	for h := range protocol.Height(5) {
		m.execute(0, at(h+1, 1), protocol.AttemptID{}, block)
	}
	fills(t, r, 1, func(i uint32) protocol.AttemptID { return at(protocol.Height(i%10+1), 1) })
	if n := keptEarly(t, r); n > 1000 {
		t.Errorf("%d bytes are kept", n)
	}
	r.Drop(1) // what the executions had goes with them
	if err := r.Deliver(1, at(5, 1), make([]byte, 300)); err != nil {
		t.Errorf("there should be room: %v", err)
	}
}

// TestEmptyBatchesAreBounded: they cost memory too.
func TestEmptyBatchesAreBounded(t *testing.T) {
	r := solo(t, 2, RunnerOptions{EarlyBytes: 10 * keptBytes}).runners[0]
	for range 10 {
		if err := r.Deliver(1, at(1, 1), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Deliver(1, at(1, 1), nil); !errors.Is(err, ErrEarly) {
		t.Errorf("got %v", err)
	}
}

// TestOfAHeightTheNewestAttemptOfAPeerIsKept: a million that are made up are one, to be
// kept and to be dropped.
func TestOfAHeightTheNewestAttemptOfAPeerIsKept(t *testing.T) {
	m := solo(t, 3, RunnerOptions{EarlyBytes: 4000})
	block, values := cross(m.config, "right")
	_, old := cross(m.config, "old")
	r := m.runners[0]
	for i := range uint32(1000) {
		if err := r.Deliver(2, at(1, 100+i), make([]byte, 400)); err != nil {
			t.Fatalf("attempt %d: %v", 100+i, err)
		}
	}
	for _, d := range []struct {
		attempt uint32
		values  []byte
	}{{1, old}, {2, values}, {1, old}} {
		if err := r.Deliver(1, at(1, d.attempt), d.values); err != nil {
			t.Fatal(err)
		}
	}
	if n, want := keptEarly(t, r), int64(400+len(values)+2*keptBytes); n != want {
		t.Errorf("%d bytes are kept, want %d", n, want)
	}
	m.execute(0, at(1, 2), protocol.AttemptID{}, block)
	wantDelta(t, m.result(0), digestOf(t, m.config, block, "right"))
	r.Commit(1)
	if n := keptEarly(t, r); n != 0 {
		t.Errorf("%d bytes are kept after the commit", n)
	}
}

// TestEarlyValuesAreAccountedFor: whatever comes and goes, nobody has more than there is,
// and nobody is refused within his share.
func TestEarlyValuesAreAccountedFor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		room, peers := rapid.Int64Range(0, 4000).Draw(t, "room"), rapid.IntRange(1, 4).Draw(t, "peers")
		r := NewRunner(RunnerParts{Staging: newMemory(), Pusher: newLine(), Schedule: &piecesInHand{}, Now: fixedNow}, RunnerOptions{EarlyBytes: max(1, room)})
		r.Configure(testConfig(peers + 1))
		committed := protocol.Height(0)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			a := at(committed+protocol.Height(rapid.IntRange(1, 4).Draw(t, "above")), rapid.Uint32Range(1, 3).Draw(t, "attempt"))
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				committed = a.Height
				r.Commit(committed)
			case 1:
				r.mu.Lock()
				for _, k := range r.early.take(a) {
					if k.attempt != a {
						t.Fatalf("took %s for %s", k.attempt, a)
					}
				}
				r.mu.Unlock()
			default:
				from := protocol.ShardID(rapid.IntRange(1, peers).Draw(t, "from"))
				values := make([]byte, rapid.IntRange(0, 500).Draw(t, "bytes"))
				used := r.early.used[from]
				err := r.Deliver(from, a, values)
				if used+int64(len(values))+keptBytes <= r.early.share && err != nil {
					t.Fatalf("shard %d has %d bytes of %d, and %d more are refused: %v", from, used, r.early.share, len(values), err)
				}
			}
			if n := keptEarly(t, r); n > max(1, room) {
				t.Fatalf("%d bytes are kept, the bound is %d", n, room)
			}
		}
		r.Commit(committed + maxAhead)
		if n := keptEarly(t, r); n != 0 || len(r.early.heights) > 0 {
			t.Fatalf("%d bytes of %d heights are kept, all are committed", n, len(r.early.heights))
		}
	})
}
