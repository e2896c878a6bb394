package coordinator

import (
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/protocol"
)

var testConfig = protocol.Config{Cluster: protocol.ClusterID{1}, Slots: protocol.EvenSlots(1), Limits: protocol.DefaultLimits()}

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

// next gives the decision that follows others.
func next(below []*protocol.Decision, key string) *protocol.Decision {
	h := protocol.Height(len(below) + 1)
	d := &protocol.Decision{
		Attempt: protocol.AttemptID{Height: h, Epoch: 1, Attempt: 1}, Key: key, Block: protocol.BlockID(key, nil),
		Digests: []protocol.Digest{{byte(h)}}, Outcomes: protocol.NewOutcomes(0),
	}
	var root protocol.Digest
	if h > 1 {
		d.Parent, root = below[h-2].Attempt, below[h-2].Root
	}
	d.Root = protocol.ChainRoot(root, h, d.Block, d.Digests)
	return d
}

func chain(n int) (ds []*protocol.Decision) {
	for i := range n {
		ds = append(ds, next(ds, fmt.Sprintf("block%d", i+1)))
	}
	return ds
}

// TestArchiveFindsEveryDecisionWhileItIsKept: what was decided is never out of
// sight on its way from memory into the history.
func TestArchiveFindsEveryDecisionWhileItIsKept(t *testing.T) {
	const heights = 600
	ds := chain(heights)
	h := newHistory(t)
	a := newArchive(h, nil)
	var group sync.WaitGroup
	decided := make(chan []*protocol.Decision, heights)
	group.Go(func() {
		for batch := range decided {
			if err := h.Append(history.Meta{Config: testConfig, Epoch: 1, Log: history.LogPosition{Keep: 1}}, batch); err != nil {
				t.Error(err)
				return
			}
			a.kept(h.Height())
		}
	})
	for range 2 {
		group.Go(func() {
			for {
				height, changed := a.height()
				for _, h := range []protocol.Height{1, height / 2, height} {
					if height == 0 || h == 0 {
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
		a.Decided(ds[i : i+3])
		decided <- ds[i : i+3]
	}
	close(decided)
	group.Wait()
	if h.Height() != heights || len(a.recent)+len(a.byKey) != 0 {
		t.Errorf("kept up to %d, %d in memory", h.Height(), len(a.recent))
	}
	if _, ok, err := a.find("unknown"); ok || err != nil {
		t.Errorf("unknown key: %v %v", ok, err)
	}
}

// Whoever asks may name any number as a height.
func TestArchiveHasNoHeightBeyondTheNewest(t *testing.T) {
	ds := chain(3)
	empty, some := newArchive(newHistory(t), nil), newArchive(newHistory(t), ds)
	for _, a := range []*archive{empty, some} {
		for _, h := range []protocol.Height{4, 1 << 62, 1 << 63, 1<<63 + 2, math.MaxUint64} {
			if d, ok, err := a.byHeight(h); ok || err != nil {
				t.Errorf("height %d: %v, %v, %v", h, d, ok, err)
			}
		}
	}
	if d, ok, err := some.byHeight(3); !ok || err != nil || d != ds[2] {
		t.Errorf("height 3: %v, %v, %v", d, ok, err)
	}
}
