package state

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lockstep-exec/lockstep/protocol"
)

// TestRestoreIsStagingAndCommitting: whatever was in the log, and wherever it is
// merged, the committed state is what staging and committing each height gives,
// before and after a checkpoint.
func TestRestoreIsStagingAndCommitting(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, dir := makeStore(t, Options{})
		defer s.Close()
		want := pairs{}
		for range rapid.IntRange(0, 2).Draw(rt, "checkpointed") {
			writes := drawRestored(rt)
			advance(rt, s, writes...)
			want.apply(writes)
		}
		flushTo(rt, s, s.CommittedHeight())

		first, hold := s.CommittedHeight()+1, rapid.IntRange(0, 4).Draw(rt, "hold")
		r := s.Restore(hold)
		r.most = rapid.IntRange(1, 200).Draw(rt, "batch bytes")
		heights := rapid.IntRange(0, 12).Draw(rt, "heights")
		states := map[protocol.Height]pairs{s.CommittedHeight(): maps.Clone(want)}
		for h := first; h < first+protocol.Height(heights); h++ {
			writes := drawRestored(rt)
			must(rt, r.Add(committed(h), protocol.EncodeWrites(writes)))
			want.apply(writes)
			states[h] = maps.Clone(want)
		}
		must(rt, r.Finish())

		top := first + protocol.Height(heights) - 1
		if got := s.Committed(); heights > 0 && got != committed(top) {
			rt.Fatalf("committed is %v, want %v", got, committed(top))
		}
		wantMerged(rt, s, first, top-protocol.Height(min(hold, heights)))
		for h := max(first-1, top-protocol.Height(hold)); h <= top; h++ {
			wantView(rt, s, h, states[h])
		}
		advance(rt, s, put("later", "1"))
		want.apply([]protocol.WriteOp{put("later", "1")})
		flushTo(rt, s, s.CommittedHeight())
		wantView(rt, s, s.CommittedHeight(), want)
		must(rt, s.Close())
		again := openStore(t, dir, Options{})
		defer again.Close()
		if got, _ := scanAll(rt, again); got.String() != want.String() {
			rt.Fatalf("the database holds\n%s\nwant\n%s", got, want)
		}
	})
}

// wantMerged wants every height from first to below last refused to views and
// checkpoints.
func wantMerged(t tb, s *Store, first, last protocol.Height) {
	t.Helper()
	for h := first; h < last; h++ {
		if v, err := s.View(h); !errors.Is(err, ErrPruned) {
			t.Fatalf("view of height %d, merged into %d: %v, %v", h, last, v, err)
		}
		if err := s.Flush(background, h, LogPosition{}, protocol.Config{}, 1); !errors.Is(err, ErrOrder) {
			t.Fatalf("checkpoint of height %d, merged into %d: %v", h, last, err)
		}
	}
	for _, l := range s.pending() {
		if l.height < last {
			t.Fatalf("height %d, merged into %d, waits to be checkpointed", l.height, last)
		}
	}
}

func wantView(t tb, s *Store, h protocol.Height, want pairs) {
	t.Helper()
	v, err := s.View(h)
	must(t, err)
	defer v.Close()
	for i := range 8 {
		key := drawnKey(i)
		value, ok, err := v.Get([]byte(key))
		must(t, err)
		if wanted, there := want[key]; ok != there || string(value) != wanted {
			t.Fatalf("height %d: %s is %q, %v; want %q, %v", h, key, value, ok, wanted, there)
		}
	}
}

// drawnKey gives keys of several lengths, some the beginning of others.
func drawnKey(i int) string { return fmt.Sprintf("k%0*d", 1+i%3*6, i/3) }

func drawRestored(t *rapid.T) (writes []protocol.WriteOp) {
	drawn := pairs{}
	for range rapid.IntRange(0, 5).Draw(t, "writes") {
		drawn[drawnKey(rapid.IntRange(0, 7).Draw(t, "key"))] = rapid.StringMatching("[a-z]{0,12}").Draw(t, "value")
	}
	for _, key := range slices.Sorted(maps.Keys(drawn)) {
		if rapid.IntRange(0, 3).Draw(t, "delete") == 0 {
			writes = append(writes, del(key))
			continue
		}
		writes = append(writes, put(key, drawn[key]))
	}
	return writes
}

// TestRestoreRefusesWhatIsNoBlock: what a record holds is checked before it counts.
func TestRestoreRefusesWhatIsNoBlock(t *testing.T) {
	good := protocol.EncodeWrites([]protocol.WriteOp{put("a", "1"), put("b", "2")})
	swapped := protocol.EncodeWrites([]protocol.WriteOp{put("b", "2"), put("a", "1")})
	for name, writes := range map[string][]byte{"cut": good[:len(good)-1], "longer": append(good, 0), "swapped": swapped, "empty": nil} {
		s, _ := makeStore(t, Options{})
		r := s.Restore(0)
		if err := r.Add(committed(1), writes); err == nil {
			t.Errorf("%s: taken", name)
		}
		must(t, r.Finish())
		must(t, s.Close())
	}
}

// TestRestoreRefusesWhatIsThere: only heights above what is committed come back.
func TestRestoreRefusesWhatIsThere(t *testing.T) {
	s, _ := makeStore(t, Options{})
	defer s.Close()
	advance(t, s, put("a", "1"))
	for _, h := range []protocol.Height{0, 1} {
		r := s.Restore(0)
		must(t, r.Add(committed(h), protocol.EncodeWrites([]protocol.WriteOp{put("a", "2")})))
		if err := r.Finish(); !errors.Is(err, ErrOrder) {
			t.Errorf("height %d again: %v", h, err)
		}
	}
	must(t, s.Stage(2, nil))
	r := s.Restore(0)
	must(t, r.Add(committed(3), protocol.EncodeWrites(nil)))
	if err := r.Finish(); !errors.Is(err, ErrOrder) {
		t.Errorf("above a staged height: %v", err)
	}
}
