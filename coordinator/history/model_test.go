package history

import (
	"fmt"
	"os"
	"testing"

	"pgregory.net/rapid"

	"github.com/lockstep-exec/lockstep/protocol"
)

// model is what a history should hold.
type model struct {
	dir       string
	h         *History
	meta      Meta
	decisions []*protocol.Decision
}

// TestModel runs random calls against a slice of decisions.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "history-model-")
		must(t, err)
		defer os.RemoveAll(dir)
		m := &model{dir: dir, meta: testMeta()}
		m.meta.Joined = nil
		must(t, Create(dir, m.meta, Options{}))
		m.open(t)
		t.Repeat(map[string]func(*rapid.T){
			"":       m.check,
			"append": m.append,
			"refuse": m.refuse,
			"reopen": m.reopen,
			"lookup": m.lookup,
			"range":  m.rangeOver,
		})
		must(t, m.h.Close())
		wantSound(t, dir)
		m.open(t)
		wantExactly(t, m.h, m.meta, m.decisions)
		must(t, m.h.Close())
	})
}

func (m *model) open(t *rapid.T) {
	h, err := Open(m.dir, Options{MapBytes: rapid.SampledFrom([]int64{1, 0}).Draw(t, "map")})
	must(t, err)
	m.h = h
}

func (m *model) reopen(t *rapid.T) {
	must(t, m.h.Close())
	if rapid.Bool().Draw(t, "verify") {
		wantSound(t, m.dir)
	}
	m.open(t)
}

func (m *model) check(t *rapid.T) { wantEnd(t, m.h, m.meta, m.decisions) }

// draw gives up to n decisions that continue the model, and a meta for them.
func (m *model) draw(t *rapid.T, n int) (Meta, []*protocol.Decision) {
	meta := m.meta.clone()
	meta.Epoch += protocol.Epoch(rapid.IntRange(0, 2).Draw(t, "epochs"))
	meta.Log.Forced += uint64(rapid.IntRange(0, 20).Draw(t, "forced"))
	meta.Log.Keep = rapid.Uint64Range(meta.Log.Keep, meta.Log.Forced+1).Draw(t, "keep")
	if shard := protocol.ShardID(rapid.IntRange(0, 5).Draw(t, "joins")); shard < 3 && meta.Joined[shard].IsZero() {
		meta.Joined[shard] = protocol.DirectoryID{byte(shard), 1}
	}
	var decisions []*protocol.Decision
	var below *protocol.Decision
	if len(m.decisions) > 0 {
		below = m.decisions[len(m.decisions)-1]
	}
	for i := range rapid.IntRange(0, n).Draw(t, "count") {
		prefix := rapid.StringMatching(`[a-z\x00\xff{}]{0,40}`).Draw(t, "key")
		key := fmt.Sprintf("%s/%d", prefix, len(m.decisions)+i)
		below = nextDecision(below, 3, key, testOutcomes(rapid.IntRange(0, 400).Draw(t, "outcomes")))
		decisions = append(decisions, below)
	}
	return meta, decisions
}

func (m *model) append(t *rapid.T) {
	meta, decisions := m.draw(t, 40)
	must(t, m.h.Append(meta, decisions))
	m.meta, m.decisions = meta, append(m.decisions, decisions...)
}

// refuse spoils one thing in an append that would have been good.
func (m *model) refuse(t *rapid.T) {
	meta, decisions := m.draw(t, 5)
	spoilt := rapid.IntRange(-1, len(decisions)-1).Draw(t, "spoilt")
	if spoilt < 0 {
		meta.Config.Cluster[0]++
		wantErr(t, m.h.Append(meta, decisions), ErrForeign)
		return
	}
	switch rapid.IntRange(0, 2).Draw(t, "how") {
	case 0:
		if len(m.decisions) == 0 {
			return
		}
		decisions[spoilt].Key = rapid.SampledFrom(m.decisions).Draw(t, "taken").Key
		wantErr(t, m.h.Append(meta, decisions), ErrDuplicate)
	case 1:
		decisions[spoilt].Root[31] ^= 1
		wantErr(t, m.h.Append(meta, decisions), ErrChain)
	case 2:
		decisions[spoilt].Attempt.Height++
		wantErr(t, m.h.Append(meta, decisions), ErrOrder)
	}
}

func (m *model) lookup(t *rapid.T) {
	key := rapid.StringMatching(`[a-z\x00\xff{}]{0,40}(/[0-9]+)?`).Draw(t, "any key")
	if len(m.decisions) > 0 && rapid.Bool().Draw(t, "known") {
		key = rapid.SampledFrom(m.decisions).Draw(t, "of").Key
	}
	for _, want := range m.decisions {
		if want.Key == key {
			wantFound(t, want)(m.h.ByKey(key))
			wantFound(t, want)(m.h.ByHeight(want.Height()))
			return
		}
	}
	if d, found, err := m.h.ByKey(key); found || err != nil {
		t.Fatalf("key %q: found %v, error %v", key, d, err)
	}
}

func (m *model) rangeOver(t *rapid.T) {
	from := rapid.IntRange(1, len(m.decisions)+2).Draw(t, "from")
	limit := rapid.IntRange(1, 80).Draw(t, "limit")
	want := m.decisions[min(from-1, len(m.decisions)):min(from-1+limit, len(m.decisions))]
	must(t, m.h.Range(protocol.Height(from), limit, func(d *protocol.Decision) error {
		if len(want) == 0 || !sameDecision(d, want[0]) {
			return fmt.Errorf("unexpected decision for height %d", d.Height())
		}
		want = want[1:]
		return nil
	}))
	if len(want) != 0 {
		t.Fatalf("%d decisions are missing", len(want))
	}
}
