package raftlog

import (
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/wal"
)

// TestLogIsWhatRaftExpects walks through the life of a log, and opens it again
// after each step.
func TestLogIsWhatRaftExpects(t *testing.T) {
	dir := scratch(t)
	l := mustOpen(t, dir, small())
	for _, step := range []struct {
		name  string
		do    func() error
		first uint64
		terms []uint64
	}{
		{"new", func() error { return nil }, 0, nil},
		{"store nothing", func() error { return l.StoreLogs(nil) }, 0, nil},
		{"store one", func() error { return l.StoreLog(entry(1, 1)) }, 1, repeat(1, 1)},
		{"store more", func() error { return l.StoreLogs(entries(2, 6, 1)) }, 1, repeat(1, 6)},
		{"remove the back", func() error { return l.DeleteRange(4, 6) }, 1, repeat(1, 3)},
		{"remove what is not there", func() error { return l.DeleteRange(4, 6) }, 1, repeat(1, 3)},
		{"store again", func() error { return l.StoreLogs(entries(4, 5, 2)) }, 1, []uint64{1, 1, 1, 2, 2}},
		{"replace", func() error { return l.StoreLogs(entries(3, 3, 3)) }, 1, []uint64{1, 1, 3}},
		{"replace all", func() error { return l.StoreLogs(entries(1, 2, 4)) }, 1, []uint64{4, 4}},
		{"remove all", func() error { return l.DeleteRange(1, 2) }, 0, nil},
		{"remove from nothing", func() error { return l.DeleteRange(1, 2) }, 0, nil},
		{"go on after a gap", func() error { return l.StoreLogs(entries(50, 80, 5)) }, 50, repeat(5, 31)},
		{"remove much at the front", func() error { return l.DeleteRange(50, 75) }, 76, repeat(5, 5)},
		{"remove at both ends", func() error { return l.DeleteRange(1, 100) }, 0, nil},
	} {
		must(t, step.do())
		wantEntries(t, l, step.first, step.terms...)
		must(t, l.Close())
		l = mustOpen(t, dir, small())
		wantEntries(t, l, step.first, step.terms...)
		if t.Failed() {
			t.Fatalf("after step %q", step.name)
		}
	}
	must(t, l.Close())
}

func TestRefusalsChangeNothing(t *testing.T) {
	l := mustOpen(t, scratch(t), small())
	defer l.Close()
	wantErr(t, l.StoreLog(&raft.Log{Index: 0}), ErrOrder)
	must(t, l.StoreLogs(entries(10, 20, 1)))
	for name, list := range map[string][]*raft.Log{
		"gap":              {entry(22, 1)},
		"below the front":  {entry(9, 1)},
		"gap inside":       {entry(21, 1), entry(23, 1)},
		"twice the same":   {entry(21, 1), entry(21, 1)},
		"backwards":        {entry(21, 1), entry(20, 1)},
		"good, then index": {entry(21, 1), {Index: 0}},
	} {
		if err := l.StoreLogs(list); err == nil {
			t.Errorf("%s was stored", name)
		} else {
			wantErr(t, err, ErrOrder)
		}
	}
	huge := &raft.Log{Index: 21, Data: make([]byte, MaxEntryBytes+1)}
	wantErr(t, l.StoreLogs([]*raft.Log{huge}), wal.ErrRecord)
	wantErr(t, l.DeleteRange(12, 15), ErrOrder)
	must(t, l.DeleteRange(15, 12))
	must(t, l.DeleteRange(1, 9))
	must(t, l.DeleteRange(21, 30))
	wantEntries(t, l, 10, repeat(1, 11)...)
	must(t, l.Err())
	if !l.IsMonotonic() {
		t.Error("raft would leave gaps")
	}
}

func TestNoSpaceChangesNothing(t *testing.T) {
	dir := scratch(t)
	l := mustOpen(t, dir, small())
	must(t, l.StoreLogs(entries(1, 10, 1)))
	must(t, l.Close())
	opts := small()
	opts.Wal.FloorBytes = 1 << 60
	l = mustOpen(t, dir, opts)
	defer l.Close()
	wantErr(t, l.StoreLog(entry(11, 1)), wal.ErrNoSpace)
	wantErr(t, l.DeleteRange(5, 10), wal.ErrNoSpace)
	wantEntries(t, l, 1, repeat(1, 10)...)
	must(t, l.Err())
}

// TestFrontIsFreed removes the front bit by bit: the disk follows in steps, and
// a restart brings back no more than a step.
func TestFrontIsFreed(t *testing.T) {
	dir := scratch(t)
	l := mustOpen(t, dir, small())
	must(t, l.StoreLogs(entries(1, 300, 1)))
	full, fsyncs, trims := l.SizeBytes(), l.Fsyncs(), 0
	for first := uint64(2); first <= 300; first++ {
		must(t, l.DeleteRange(first-1, first-1))
		wantBounds(t, l, first, 300)
		if now := l.Fsyncs(); now != fsyncs {
			fsyncs, trims = now, trims+1
		}
		if waste := l.SizeBytes() - l.Bytes(); waste > 1500+1000+60*int64(301-first)+120 {
			t.Fatalf("from %d on, %d bytes are not needed", first, waste)
		}
	}
	if most := int(full / 1500); trims == 0 || trims > most {
		t.Errorf("%d trims, want 1 to %d", trims, most)
	}
	must(t, l.Close())
	l = mustOpen(t, dir, small())
	defer l.Close()
	if first, _ := l.FirstIndex(); first > 300 || first < 280 {
		t.Errorf("log begins at %d after a restart", first)
	}
}

func TestBytesAndTrailing(t *testing.T) {
	l := mustOpen(t, scratch(t), Options{})
	defer l.Close()
	if l.TrailingFor(100) != 0 || l.BytesAbove(0) != 0 || l.Bytes() != 0 {
		t.Error("an empty log has bytes")
	}
	for i := uint64(11); i <= 20; i++ {
		must(t, l.StoreLog(&raft.Log{Index: i, Data: make([]byte, 60)}))
	}
	must(t, l.StoreLogs([]*raft.Log{{Index: 19, Data: make([]byte, 160)}, {Index: 20, Data: make([]byte, 60)}}))
	must(t, l.DeleteRange(11, 12))
	if got := l.Bytes(); got != 900 {
		t.Errorf("%d bytes, want 900", got)
	}
	for index, want := range map[uint64]int64{0: 900, 12: 900, 13: 800, 18: 300, 19: 100, 20: 0, 99: 0} {
		if got := l.BytesAbove(index); got != want {
			t.Errorf("%d bytes above %d, want %d", got, index, want)
		}
	}
	for limit, want := range map[int64]uint64{0: 0, 99: 0, 100: 1, 299: 1, 300: 2, 899: 7, 900: 8, 1 << 40: 8} {
		if got := l.TrailingFor(limit); got != want {
			t.Errorf("%d entries have %d bytes, want %d", got, limit, want)
		}
	}
}

func TestTimesSurvive(t *testing.T) {
	dir := scratch(t)
	times := []time.Time{{}, time.Unix(0, 0), time.Unix(-5, 7), time.Date(9999, 1, 2, 3, 4, 5, 999999999, time.UTC), time.Now()}
	l := mustOpen(t, dir, Options{})
	for i, at := range times {
		must(t, l.StoreLog(&raft.Log{Index: uint64(i + 1), AppendedAt: at}))
	}
	must(t, l.Close())
	l = mustOpen(t, dir, Options{})
	defer l.Close()
	for i, at := range times {
		var e raft.Log
		must(t, l.GetLog(uint64(i+1), &e))
		if !e.AppendedAt.Equal(at) || e.AppendedAt.IsZero() != at.IsZero() {
			t.Errorf("%v came back as %v", at, e.AppendedAt)
		}
	}
}

// TestReadersBesideWriter reads from old and new places while the log grows and
// shrinks at both ends. It is for the race detector.
func TestReadersBesideWriter(t *testing.T) {
	opts := small()
	opts.CacheBytes = 2000
	l := mustOpen(t, scratch(t), opts)
	defer l.Close()
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				first, _ := l.FirstIndex()
				last, _ := l.LastIndex()
				for _, index := range []uint64{first, (first + last) / 2, last} {
					var e raft.Log
					if err := l.GetLog(index, &e); err == nil && !same(&e, entry(index, e.Term)) {
						t.Errorf("entry %d differs", index)
					} else if err != nil && err != raft.ErrLogNotFound {
						t.Error(err)
					}
				}
				l.TrailingFor(1000)
			}
		})
	}
	for i := uint64(1); i < 400; i += 4 {
		must(t, l.StoreLogs(entries(i, i+9, i)))
		must(t, l.DeleteRange(i+7, i+9))
		if i > 60 {
			must(t, l.DeleteRange(1, i-60))
		}
		if i%100 == 1 {
			must(t, l.DeleteRange(1, i+9))
		}
		if _, last := l.table.bounds(); last == 0 {
			must(t, l.StoreLogs(entries(i+4, i+8, i)))
		}
	}
	close(done)
	readers.Wait()
}
