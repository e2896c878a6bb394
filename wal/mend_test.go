package wal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestAssessAndMend: the dry run says what Mend does, Mend does what Open
// would, and then nothing is left to do.
func TestAssessAndMend(t *testing.T) {
	opts := Options{SegmentBytes: 700}
	s, h := unsynced(t, opts, 30, 29)
	tail := segmentsOfSnapshot(t, s)
	name := tail[len(tail)-1].name
	s[name] = s[name][:len(s[name])-3]
	s[segmentName(5)+endSuffix] = []byte("what is this")
	s[segmentName(5)+startSuffix+tempSuffix] = []byte("half")
	delete(s, markName)
	dir := filepath.Join(scratch(t), "log")
	s.restore(t, dir)

	a, err := Assess(dir)
	must(t, err)
	kinds := map[RepairKind]int{}
	for _, r := range a.Repairs {
		kinds[r.Kind]++
	}
	if len(a.Repairs) != 4 || kinds[CutTail] != 1 || kinds[SetAside] != 1 || kinds[RemovedLeftover] != 1 || kinds[RenewedMark] != 1 || a.Last != 29 || a.First != 1 {
		t.Fatalf("%+v", a)
	}
	if !s.equal(t, dir) {
		t.Error("a dry run changed something")
	}
	done, err := Mend(dir)
	must(t, err)
	for i, r := range done {
		want := a.Repairs[i]
		want.Kept = r.Kept
		if r != want || (r.Kept != "") != (r.Kind == CutTail || r.Kind == SetAside) {
			t.Errorf("did %v, announced was %v", r, want)
		}
		if r.Kept != "" {
			if data, err := os.ReadFile(filepath.Join(dir, r.Kept)); err != nil || string(data) != string(s[r.File]) {
				t.Errorf("%s is not what %s was: %v", r.Kept, r.File, err)
			}
		}
		t.Log(r)
	}
	if a, err = Assess(dir); err != nil || len(a.Repairs) != 0 {
		t.Errorf("after mending: %+v %v", a, err)
	}
	if again, err := Mend(dir); err != nil || len(again) != 0 {
		t.Errorf("mending again: %v %v", again, err)
	}
	if h.check(t, dir, opts) != whole {
		t.Error("log is gone")
	}
}

func TestMendRefuses(t *testing.T) {
	opts := Options{SegmentBytes: 700}
	s, _ := unsynced(t, opts, 30, 30)
	delete(s, segmentName(1))
	dir := filepath.Join(scratch(t), "log")
	s.restore(t, dir)
	var damage *DamageError
	if _, err := Mend(dir); !errors.As(err, &damage) || damage.Seq != 1 {
		t.Errorf("%v", err)
	}
	if a, err := Assess(dir); !errors.Is(err, ErrDamaged) || a.ID == (ID{}) || a.Mark != 30 || a.Repairs != nil {
		t.Errorf("%+v %v", a, err)
	}
	if !s.equal(t, dir) {
		t.Error("a refused mend changed something")
	}
	empty := scratch(t)
	if done, err := Mend(empty); err != nil || done != nil {
		t.Errorf("mend of nothing: %v %v", done, err)
	}
}

// TestKeptCopies cuts many tails. No copy may overwrite another, and their
// number is bounded.
func TestKeptCopies(t *testing.T) {
	dir := filepath.Join(scratch(t), "log")
	path := filepath.Join(dir, segmentName(1))
	fill(t, dir, Options{}, 1)
	must(t, os.WriteFile(filepath.Join(dir, brokenPrefix+"by hand"), []byte("mine"), 0o600))
	for i := 1; i <= keptCopies+5; i++ {
		good, err := os.ReadFile(path)
		must(t, err)
		torn := append(good[:len(good):len(good)], fmt.Sprintf("torn %d", i)...)
		must(t, os.WriteFile(path, torn, 0o600))
		l := mustOpen(t, dir, Options{})
		kept := fmt.Sprintf("broken-%s-%d", segmentName(1), i)
		if rs := l.Repairs(); len(rs) != 1 || rs[0].Kept != kept {
			t.Fatalf("repairs %v, want %s", rs, kept)
		}
		appendRun(t, l, 0, 1)
		must(t, l.Close())
		for n := 1; n <= i; n++ {
			data, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("broken-%s-%d", segmentName(1), n)))
			if want := n > i-keptCopies; want != (err == nil) {
				t.Fatalf("after %d repairs, copy %d: %v", i, n, err)
			}
			if n == i && string(data) != string(torn) {
				t.Fatal("the copy is not what the file was")
			}
		}
	}
	if data, _ := os.ReadFile(filepath.Join(dir, brokenPrefix+"by hand")); string(data) != "mine" {
		t.Error("a file of somebody else is gone")
	}
	l := mustOpen(t, dir, Options{})
	wantRun(t, l, 0, 1, keptCopies+6)
	must(t, l.Close())
}
