package state

import (
	"fmt"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
)

func TestViewOutlivesCheckpoint(t *testing.T) {
	s, _ := makeStore(t, Options{})
	advance(t, s, put("a", "1"), put("b", "1"))
	flushTo(t, s, 1)
	advance(t, s, put("a", "2"))
	advance(t, s, del("a"), put("c", "3"))
	v, err := s.ViewCommitted(2)
	must(t, err)
	advance(t, s, put("a", "4"), put("b", "4"), put("c", "4"))
	flushTo(t, s, 4)

	wantGet(t, v, "a", "2")
	wantGet(t, v, "b", "1")
	wantGet(t, v, "c", "-")
	if st := s.Stats(); st.OpenViews != 1 || st.LowestPin != 1 || st.PinnedBytes == 0 {
		t.Fatalf("with a view open: %+v", st)
	}
	_, err = s.View(3)
	wantErr(t, err, ErrPruned)
	v.Close()
	v.Close()
	s.release()
	if st := s.Stats(); st.OpenViews != 0 || st.LowestPin != 4 || st.PinnedBytes != 0 || s.table.keyCount() != 0 {
		t.Fatalf("after the view closed: %+v", st)
	}
	_, _, err = v.Get([]byte("a"))
	wantErr(t, err, ErrClosed)
}

// TestCheckpointWhileViewOpens puts a checkpoint between the two steps of
// opening a view.
func TestCheckpointWhileViewOpens(t *testing.T) {
	s, _ := makeStore(t, Options{})
	anything := func() error { return nil }
	for h := protocol.Height(1); h <= 3; h++ {
		advance(t, s, put("a", fmt.Sprint(h)))
	}
	late, early := &View{store: s, asOf: 3}, &View{store: s, asOf: 1}
	must(t, s.register(late, anything))
	must(t, s.register(early, anything))
	flushTo(t, s, 2)
	wantErr(t, early.begin(), ErrPruned)
	must(t, late.begin())
	wantGet(t, late, "a", "3")
	if st := s.Stats(); st.OpenViews != 1 || st.LowestPin != 0 {
		t.Errorf("%+v", st)
	}
	late.Close()

	closed := &View{store: s, asOf: 3}
	must(t, s.register(closed, anything))
	must(t, s.Close())
	wantErr(t, closed.begin(), ErrClosed)
}

func TestClosingViewWakesCheckpointer(t *testing.T) {
	s, _ := makeStore(t, Options{})
	advance(t, s, put("a", "1"))
	v, err := s.View(1)
	must(t, err)
	w, err := s.View(1)
	must(t, err)
	drain(s.changed)
	w.Close()
	if drain(s.changed) {
		t.Fatal("woken although nothing can be pruned")
	}
	flushTo(t, s, 1)
	v.Close()
	if !drain(s.changed) {
		t.Fatal("not woken to prune")
	}
}

func drain(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestDroppedHeightsFailTheirViews(t *testing.T) {
	s, _ := makeStore(t, Options{})
	advance(t, s, put("a", "1"))
	must(t, s.Stage(2, []protocol.WriteOp{put("a", "2")}))
	must(t, s.Stage(3, []protocol.WriteOp{put("a", "3")}))
	views := map[protocol.Height]*View{}
	for h := protocol.Height(1); h <= 3; h++ {
		v, err := s.View(h)
		must(t, err)
		defer v.Close()
		views[h] = v
	}
	_, err := s.ViewCommitted(2)
	wantErr(t, err, ErrNotCommitted)
	s.Drop(3)
	must(t, s.Stage(3, []protocol.WriteOp{put("b", "3")}))
	wantGet(t, views[1], "a", "1")
	wantGet(t, views[2], "a", "2")
	_, _, err = views[3].Get([]byte("a"))
	wantErr(t, err, ErrDropped)
	s.Drop(0) // never more than what is staged
	if s.CommittedHeight() != 1 || s.StagedHeight() != 1 {
		t.Fatalf("committed %d, staged %d", s.CommittedHeight(), s.StagedHeight())
	}
	_, _, err = views[2].Get([]byte("a"))
	wantErr(t, err, ErrDropped)
	wantGet(t, views[1], "a", "1")
}

// TestValuesOutliveTheView would fault if Get handed out mapped memory.
func TestValuesOutliveTheView(t *testing.T) {
	s, _ := makeStore(t, Options{})
	advance(t, s, append([]protocol.WriteOp{put("a", "1"), put("e", "")}, bulkWrites(1)...)...) // many: bbolt copies a bucket of few
	flushTo(t, s, 1)
	advance(t, s, protocol.WriteOp{Key: []byte("n")}, protocol.WriteOp{Key: []byte("x"), Value: []byte("1"), Delete: true})
	v, err := s.View(2)
	must(t, err)
	value, _, err := v.Get([]byte("a"))
	must(t, err)
	for _, key := range []string{"e", "n"} {
		empty, ok, err := v.Get([]byte(key))
		must(t, err)
		if !ok || empty == nil || len(empty) != 0 {
			t.Fatalf("empty value of %s is %v (%t)", key, empty, ok)
		}
	}
	if gone, ok, err := v.Get([]byte("x")); gone != nil || ok || err != nil {
		t.Fatalf("deleted value is %v (%t), %v", gone, ok, err)
	}
	must(t, s.Close())
	if string(value) != "1" {
		t.Fatalf("value is %q", value)
	}
	_, _, err = v.Get([]byte("a"))
	wantErr(t, err, ErrClosed)
}

func TestStageRefusesWhatCannotBeStored(t *testing.T) {
	s, _ := makeStore(t, Options{})
	long := make([]byte, 32769)
	for name, writes := range map[string][]protocol.WriteOp{
		"empty key":    {put("", "1")},
		"long key":     {put(string(long), "1")},
		"twice":        {put("a", "1"), del("a")},
		"out of order": {put("b", "1"), put("a", "1")},
	} {
		t.Run(name, func(t *testing.T) { wantErr(t, s.Stage(1, writes), ErrWrites) })
	}
	must(t, s.Stage(1, []protocol.WriteOp{put(string(long[:32768]), "1")}))
	must(t, s.Commit(committed(1)))
	flushTo(t, s, 1)
}

func TestClosedStoreRefusesEverything(t *testing.T) {
	s, _ := makeStore(t, Options{})
	must(t, s.Close())
	must(t, s.Close())
	for name, err := range refusals(s) {
		t.Run(name, func(t *testing.T) { wantErr(t, err, ErrClosed) })
	}
}

// refusals calls everything that can fail.
func refusals(s *Store) map[string]error {
	next := s.StagedHeight() + 1
	_, view := s.View(s.CommittedHeight())
	_, client := s.ViewCommitted(s.CommittedHeight())
	_, scan := s.Scan(func(_, _ []byte) error { return nil })
	return map[string]error{
		"Stage":         s.Stage(next, nil),
		"Commit":        s.Commit(committed(next)),
		"View":          view,
		"ViewCommitted": client,
		"Scan":          scan,
		"Flush":         s.Flush(background, s.CommittedHeight(), LogPosition{}, protocol.Config{}, 9),
	}
}
