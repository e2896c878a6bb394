package wal

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
)

// trimStates lists the directories that a crash can leave during a trim, from
// those before and after it. The removals between the two renames are taken in
// every order, not only the one in which tidwall/wal makes them.
func trimStates(before, after snapshot, keep uint64) []snapshot {
	final := segmentName(keep)
	start, temp := final+startSuffix, final+startSuffix+tempSuffix
	content := after[final]

	asked := maps.Clone(before) // the floor is written
	asked[metaName] = after[metaName]
	states := []snapshot{before, asked}
	with := func(base snapshot, name string, data []byte) snapshot {
		s := maps.Clone(base)
		s[name] = data
		return s
	}
	for _, n := range []int{0, 1, len(content) / 2, len(content)} {
		states = append(states, with(asked, temp, content[:min(n, len(content))]))
	}
	copied := with(asked, start, content)
	states = append(states, copied)
	for _, gone := range subsets(replaced(before, after, keep)) {
		s := maps.Clone(copied)
		for _, name := range gone {
			delete(s, name)
		}
		states = append(states, s)
		// The last rename may reach the disk before the removals.
		done := with(s, final, content)
		delete(done, start)
		states = append(states, done)
	}
	return append(states, after)
}

// replaced lists the segments that a trim removes.
func replaced(before, after snapshot, keep uint64) (names []string) {
	for name := range before {
		if first, suffix, ok := parseSegmentName(name); ok && suffix == "" && (first <= keep && after[name] == nil || first == keep) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func subsets(names []string) (all [][]string) {
	for mask := range 1 << len(names) {
		var s []string
		for i, name := range names {
			if mask>>i&1 == 1 {
				s = append(s, name)
			}
		}
		all = append(all, s)
	}
	return all
}

// TestTrimInterrupted scans and opens the log in every state that a crash can
// leave during a trim, for every place to trim at.
func TestTrimInterrupted(t *testing.T) {
	opts := Options{SegmentBytes: 700}
	const n = 26
	full := filepath.Join(scratch(t), "log")
	fill(t, full, opts, n)
	l := mustOpen(t, full, opts)
	before := take(t, full)
	must(t, l.Close())
	dir := filepath.Join(scratch(t), "log")
	count := tally{}
	for keep := uint64(2); keep <= n+1; keep++ {
		before.restore(t, dir)
		l := mustOpen(t, dir, opts)
		must(t, l.TrimFront(keep))
		after := take(t, dir)
		must(t, l.Close())
		h := historyOf(n, n)
		h.first = keep
		for i, state := range trimStates(before, after, keep) {
			for range 2 {
				state.restore(t, dir)
				if err := h.checkScan(dir); err != nil {
					t.Fatalf("trim at %d, state %d: %v", keep, i, err)
				}
				got := h.check(t, dir, opts)
				if count[got]++; got != whole {
					t.Fatalf("trim at %d, state %d: %s", keep, i, got)
				}
				checkTidy(t, dir)
				state = maps.Clone(state) // once more after the mark was lost
				delete(state, markName)
			}
		}
	}
	count.report(t, "trim interrupted")
}

// checkScan scans a log of which nothing is damaged or torn, and holds it to
// what Open would hand out: every record from First to Last, and no other.
func (h history) checkScan(dir string) error {
	next := uint64(0)
	s, err := Scan(dir, func(f Found) error {
		if next == 0 {
			next = f.Seq
		}
		if f.Problem != nil || f.Seq != next || !same(f.Record, h.records[f.Seq]) {
			return fmt.Errorf("found %+v, expected record %d", f, next)
		}
		next++
		return nil
	})
	switch {
	case err != nil:
		return err
	case s.Verdict != nil || s.First > h.first || s.Last < h.acked:
		return fmt.Errorf("summary %+v", s)
	case uint64(s.Frames) != s.Last+1-s.First || s.Frames > 0 && next != s.Last+1:
		return fmt.Errorf("%d records up to %d, in a log of %d to %d", s.Frames, next-1, s.First, s.Last)
	}
	return nil
}

// checkTidy makes sure that nothing is left that tidwall/wal acts on.
func checkTidy(t *testing.T, dir string) {
	t.Helper()
	l, err := list(dir)
	must(t, err)
	if len(l.starts)+len(l.ends)+len(l.temps) > 0 {
		t.Fatalf("leftovers: %v %v %v", l.starts, l.ends, l.temps)
	}
}

// TestTrimInterruptedAndDamaged: a copy that is not complete must not take the
// place of what it was made from, nor be forgotten when that is gone.
func TestTrimInterruptedAndDamaged(t *testing.T) {
	opts := Options{SegmentBytes: 700}
	const n = 26
	dir := filepath.Join(scratch(t), "log")
	fill(t, dir, opts, n)
	l := mustOpen(t, dir, opts)
	before := take(t, dir)
	must(t, l.Close())
	count := tally{}
	rng := rand.New(rand.NewPCG(3, 4))
	for keep := uint64(2); keep <= n; keep++ {
		before.restore(t, dir)
		l := mustOpen(t, dir, opts)
		must(t, l.TrimFront(keep))
		after := take(t, dir)
		must(t, l.Close())
		h := historyOf(n, n)
		h.first = keep
		start := segmentName(keep) + startSuffix
		for _, state := range trimStates(before, after, keep) {
			if state[start] == nil {
				continue
			}
			flipped := maps.Clone(state)
			flipped[start] = slices.Clone(state[start])
			flipped[start][rng.IntN(len(state[start]))] ^= 1 << rng.IntN(8)
			cut := maps.Clone(state)
			cut[start] = state[start][:rng.IntN(len(state[start]))]
			unmarked := maps.Clone(flipped)
			delete(unmarked, markName)
			for _, bad := range []snapshot{flipped, cut, unmarked} {
				bad.restore(t, dir)
				count[h.check(t, dir, opts)]++
			}
		}
	}
	if count[whole] == 0 || count[refused] == 0 {
		t.Error("want some that can go back, and some that cannot")
	}
	count.report(t, "trim interrupted, and its copy damaged")
}

// interruptedInTail is a log with the complete copy that a trim of its last
// segment made, and with a mark that did not survive.
func interruptedInTail(t *testing.T, opts Options, n, keep uint64) (state snapshot, h history, tail, start string) {
	t.Helper()
	dir := filepath.Join(scratch(t), "log")
	fill(t, dir, opts, int(n))
	l := mustOpen(t, dir, opts)
	defer l.Close()
	state, h = take(t, dir), historyOf(n, n)
	files := segmentsOf(t, dir)
	must(t, l.TrimFront(keep))
	after := take(t, dir)
	start = segmentName(keep) + startSuffix
	state[start], state[metaName], h.first = after[segmentName(keep)], after[metaName], keep
	delete(state, markName)
	return state, h, files[len(files)-1].name, start
}

// TestTrimInterruptedOldMark: of the old files and the copy, the one that is
// whole counts. A copy is never cut, because it was complete when it got its
// name.
func TestTrimInterruptedOldMark(t *testing.T) {
	opts := Options{SegmentBytes: 2000}
	state, h, tail, start := interruptedInTail(t, opts, 26, 22)
	dir := filepath.Join(scratch(t), "log")
	spoil := func(name string) snapshot {
		s := maps.Clone(state)
		s[name] = slices.Clone(s[name])
		s[name][len(s[name])-1] ^= 1
		return s
	}
	onlyCopy := spoil(start)
	delete(onlyCopy, tail)
	for what, tc := range map[string]struct {
		s    snapshot
		want outcome
	}{
		"old tail spoilt":              {spoil(tail), whole},
		"copy spoilt":                  {spoil(start), whole},
		"copy spoilt and nothing else": {onlyCopy, refused},
	} {
		tc.s.restore(t, dir)
		if got := h.check(t, dir, opts); got != tc.want {
			t.Errorf("%s: %s", what, got)
		}
	}
}

// TestUnknownLeftovers puts files beside a log that tidwall/wal would act on,
// by removing segments or taking their place.
func TestUnknownLeftovers(t *testing.T) {
	opts := Options{SegmentBytes: 500}
	s, h := unsynced(t, opts, 30, 30)
	other, _ := unsynced(t, opts, 30, 30)
	dir := filepath.Join(scratch(t), "log")
	count := tally{}
	for seq := uint64(1); seq <= 32; seq++ {
		for _, suffix := range []string{startSuffix, endSuffix, startSuffix + tempSuffix, endSuffix + tempSuffix, tempSuffix, ".bak", "0"} {
			for _, content := range [][]byte{nil, []byte("x"), s[segmentName(1)], other[segmentName(1)]} {
				changed := maps.Clone(s)
				changed[segmentName(seq)+suffix] = content
				changed.restore(t, dir)
				got := h.check(t, dir, opts)
				if count[got]++; got != whole {
					t.Fatalf("beside %d%s: %s", seq, suffix, got)
				}
				checkTidy(t, dir)
			}
		}
	}
	count.report(t, "unknown files beside the log")
}
