package executor

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// TestRunnersInOneThread is invariant 6 without a goroutine: any order of
// pieces, instructions and deliveries, with values that come twice, in another
// order, late and again after a reconnect, attempts that are dropped half way,
// several heights in flight, and shards that are started anew.
func TestRunnersInOneThread(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newStepped(t, rapid.IntRange(1, 4).Draw(t, "shards"), RunnerOptions{
			Workers:    rapid.IntRange(1, 4).Draw(t, "workers"),
			TakeTasks:  rapid.IntRange(0, 2).Draw(t, "take"),
			PieceTasks: rapid.IntRange(0, 2).Draw(t, "per piece"),
			EarlyBytes: rapid.SampledFrom([]int64{0, 300}).Draw(t, "early"),
			Pick:       func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "pick") },
		})
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			work := w.work()
			switch kind := w.draw(16, "kind"); {
			case kind == 0:
				trouble := w.trouble()
				trouble[w.draw(len(trouble), "trouble")]()
			case len(work) == 0 || kind == 1 && len(w.live) < 4:
				w.submit()
			default:
				work[w.draw(len(work), "step")]()
			}
		}
		w.settle()
	})
}

// settle works until there is nothing left to do, and compares what is left.
func (w *stepped) settle() {
	w.t.Helper()
	rounds := 0
	for work := w.work(); len(work) > 0; work = w.work() {
		work[w.draw(len(work), "step")]()
		if rounds++; rounds > 20_000 {
			w.t.Fatalf("nothing is in the way, and there is no end")
		}
	}
	if len(w.live) > 0 {
		w.t.Fatalf("nothing is left to do, and %s waits with %d results", w.live[0].attempt, len(w.live[0].results))
	}
	for _, s := range w.shards {
		for _, to := range w.shards {
			if n := s.line.to(to.id).Bytes(); n > 0 {
				w.t.Fatalf("shard %d keeps %d bytes for shard %d after the last commit", s.id, n, to.id)
			}
		}
		// Values of dropped attempts go with the height that they were for.
		s.runner.Commit(w.committed + maxAhead)
		if early := keptEarly(w.t, s.runner); len(s.begun)+len(s.prepared)+len(s.runner.executions) > 0 || early != 0 {
			w.t.Fatalf("shard %d still holds %d executions and %d bytes of early values", s.id, len(s.runner.executions), early)
		}
	}
	w.compare()
}

// compare reads the committed state of every shard, key by key.
func (w *stepped) compare() {
	for _, s := range w.shards {
		var keys [][]byte
		for i := range drawnKeys {
			if key := fmt.Appendf(nil, "key%d", i); w.config.Slots.Owner(key) == s.id {
				keys = append(keys, key)
			}
		}
		values, err := s.state.Read(w.committed, keys)
		if err != nil {
			w.t.Fatal(err)
		}
		for i, v := range values {
			if want, ok := w.want.Get(keys[i]); ok != v.Present || !bytes.Equal(want, v.Bytes) {
				w.t.Fatalf("key %q is %x (%v) on shard %d, a sequential run has %x (%v)", keys[i], v.Bytes, v.Present, s.id, want, ok)
			}
		}
	}
}
