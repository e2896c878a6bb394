package coordinator

import (
	"fmt"
	"sync"
	"testing"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/protocol"
)

func newHistory(t *testing.T) *history.History {
	t.Helper()
	dir := t.TempDir()
	if err := history.Create(dir, history.Meta{Config: testConfig, Log: history.LogPosition{Keep: 1}}, history.Options{}); err != nil {
		t.Fatal(err)
	}
	h, err := history.Open(dir, history.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func chain(n int) (ds []*protocol.Decision) {
	for i := range n {
		ds = append(ds, next(ds, fmt.Sprintf("block%d", i+1)))
	}
	return ds
}

// quietLog is a decision log that only counts.
type quietLog struct {
	mu   sync.Mutex
	last uint64
	trim uint64
	fail error
}

func (l *quietLog) Append(records []protocol.Record, force bool) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return 0, l.fail
	}
	l.last += uint64(len(records))
	return l.last - uint64(len(records)) + 1, nil
}
func (l *quietLog) Confirm() error { return nil }
func (l *quietLog) Trim(keep uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trim = keep
	return nil
}
func (l *quietLog) Position() (last, durable uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last, l.last
}

// TestArchiveFindsEveryDecisionWhileItIsKept: what was decided is never out of
// sight on its way from memory into the history.
func TestArchiveFindsEveryDecisionWhileItIsKept(t *testing.T) {
	const heights = 600
	ds := chain(heights)
	log := &quietLog{}
	a := newArchive(newHistory(t), nil)
	var told protocol.Height
	k := &keeper{
		archive: a, positions: newPositions(), log: log, config: testConfig, retain: 5,
		lowest: func() protocol.Height { return 1 << 40 }, told: func(h protocol.Height) { told = h },
	}
	k.positions.add(protocol.EpochClaimed{Epoch: 1}, 0)
	var group sync.WaitGroup
	done := make(chan struct{})
	group.Go(func() {
		for {
			if err := k.keep(); err != nil {
				t.Error(err)
				return
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	for range 2 {
		group.Go(func() {
			for {
				height, changed := a.height()
				for _, h := range []protocol.Height{1, height / 2, height} {
					if h == 0 {
						continue
					}
					if d, ok, err := a.byHeight(h); err != nil || !ok || d.Height() != h {
						t.Errorf("height %d of %d: %v %v", h, height, ok, err)
						return
					}
					if d, ok, err := a.find(ds[h-1].Key); err != nil || !ok || d.Height() != h {
						t.Errorf("%q of %d: %v %v", ds[h-1].Key, height, ok, err)
						return
					}
				}
				if d, ok, err := a.byHeight(heights + 1); ok || err != nil {
					t.Errorf("height to come: %v %v", d, err)
				}
				if height == heights {
					return
				}
				<-changed
			}
		})
	}
	for i := 0; i < heights; i += 3 {
		batch := make([]protocol.Record, 0, 3)
		for _, d := range ds[i : i+3] {
			batch = append(batch, d)
		}
		if err := k.positions.append(batch, func() (uint64, error) { return log.Append(batch, true) }); err != nil {
			t.Fatal(err)
		}
		a.Decided(ds[i : i+3])
	}
	close(done)
	group.Wait()
	if err := k.keep(); err != nil {
		t.Fatal(err)
	}
	if a.history.Height() != heights || told != heights || len(a.recent)+len(a.byKey) != 0 {
		t.Errorf("kept up to %d, told %d, %d in memory", a.history.Height(), told, len(a.recent))
	}
	if log.trim != heights-5+1 {
		t.Errorf("trimmed up to record %d", log.trim)
	}
	if _, ok, err := a.find("unknown"); ok || err != nil {
		t.Errorf("unknown key: %v %v", ok, err)
	}
}
