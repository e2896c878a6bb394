package history

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
)

// tb is what testing.T, testing.B and rapid.T have in common.
type tb interface {
	Helper()
	Fatalf(format string, args ...any)
}

func must(t tb, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

func wantErr(t tb, err error, want ...error) {
	t.Helper()
	for _, w := range want {
		if !errors.Is(err, w) {
			t.Fatalf("error is %v, want one that is %v", err, w)
		}
	}
}

func testConfig(shards int) protocol.Config {
	return protocol.Config{Cluster: protocol.ClusterID{1, 2, 3}, Slots: protocol.EvenSlots(shards), Limits: protocol.DefaultLimits()}
}

func testMeta() Meta {
	return Meta{
		Config: testConfig(3), Epoch: 5,
		Joined: map[protocol.ShardID]protocol.DirectoryID{0: {10}, 2: {12}},
		Log:    LogPosition{ID: [16]byte{7}, Keep: 1},
	}
}

// metaAt gives a meta that differs at every height and follows that of the
// heights below.
func metaAt(h protocol.Height) Meta {
	m := testMeta()
	m.Epoch += protocol.Epoch(h)
	m.Log.Keep, m.Log.Forced = uint64(h)+1, uint64(2*h)
	return m
}

func digestOf(h protocol.Height, n int) (d protocol.Digest) {
	binary.BigEndian.PutUint64(d[:], uint64(h)*1000+uint64(n))
	return d
}

// nextDecision gives a decision that continues the chain; below is nil for height 1.
func nextDecision(below *protocol.Decision, shards int, key string, outcomes protocol.Outcomes) *protocol.Decision {
	var root protocol.Digest
	d := &protocol.Decision{Key: key, Outcomes: outcomes, Digests: make([]protocol.Digest, shards)}
	if below != nil {
		d.Parent, root = below.Attempt, below.Root
	}
	h := d.Parent.Height + 1
	d.Attempt = protocol.AttemptID{Height: h, Epoch: 1 + protocol.Epoch(h%5), Attempt: uint32(h % 3)}
	d.Block = digestOf(h, 0)
	for s := range d.Digests {
		d.Digests[s] = digestOf(h, 1+s)
	}
	d.Root = protocol.ChainRoot(root, h, d.Block, d.Digests)
	return d
}

func testOutcomes(n int) protocol.Outcomes {
	o := protocol.NewOutcomes(n)
	o.Names = []string{protocol.OutcomeApplied, "insufficient_funds"}
	for i := range o.Codes {
		o.Codes[i] = 1
		if i%7 == 3 {
			o.Codes[i] = 2
		}
	}
	return o
}

func testKey(h protocol.Height) string { return fmt.Sprintf("block-%d-%x", h*7919%1000, h) }

// chain gives the decisions for heights 1 to n, the same at every call.
func chain(n int) []*protocol.Decision {
	var below *protocol.Decision
	decisions := make([]*protocol.Decision, n)
	for i := range decisions {
		h := protocol.Height(i + 1)
		below = nextDecision(below, 3, testKey(h), testOutcomes(i%10))
		decisions[i] = below
	}
	return decisions
}

func mustCreate(t tb, dir string) {
	t.Helper()
	must(t, Create(dir, testMeta(), Options{}))
}

func mustOpen(t tb, dir string) *History {
	t.Helper()
	h, err := Open(dir, Options{})
	must(t, err)
	return h
}

// built makes a history of the given decisions, in one Append, and closes it.
func built(t *testing.T, decisions []*protocol.Decision) (dir string) {
	t.Helper()
	dir = t.TempDir()
	mustCreate(t, dir)
	h := mustOpen(t, dir)
	must(t, h.Append(metaAt(protocol.Height(len(decisions))), decisions))
	must(t, h.Close())
	return dir
}

func sameDecision(a, b *protocol.Decision) bool {
	return reflect.DeepEqual(protocol.EncodeRecord(a), protocol.EncodeRecord(b))
}

func sameMeta(a, b Meta) bool {
	return a.Config.Equal(b.Config) && a.Epoch == b.Epoch && a.Log == b.Log && maps.Equal(a.Joined, b.Joined)
}

// wantExactly compares a history with what it should hold, in every way to read it.
func wantExactly(t tb, h *History, meta Meta, want []*protocol.Decision) {
	t.Helper()
	if got := h.Meta(); !sameMeta(got, meta) {
		t.Fatalf("meta is %+v, want %+v", got, meta)
	}
	if h.Height() != protocol.Height(len(want)) {
		t.Fatalf("height is %d, want %d", h.Height(), len(want))
	}
	for i, w := range want {
		wantFound(t, w)(h.ByHeight(protocol.Height(i + 1)))
		wantFound(t, w)(h.ByKey(w.Key))
	}
	i := 0
	must(t, h.Range(1, 0, func(d *protocol.Decision) error {
		if i >= len(want) || !sameDecision(d, want[i]) {
			return fmt.Errorf("range gives %+v in place %d", d, i)
		}
		i++
		return nil
	}))
	if i != len(want) {
		t.Fatalf("range gives %d decisions, want %d", i, len(want))
	}
	wantEnd(t, h, meta, want)
}

func wantEnd(t tb, h *History, meta Meta, want []*protocol.Decision) {
	t.Helper()
	for _, height := range []protocol.Height{0, protocol.Height(len(want) + 1), 1 << 63} {
		if _, found, err := h.ByHeight(height); found || err != nil {
			t.Fatalf("height %d: found %v, error %v", height, found, err)
		}
	}
	last, err := h.Last()
	must(t, err)
	if !sameMeta(h.Meta(), meta) {
		t.Fatalf("meta is %+v, want %+v", h.Meta(), meta)
	}
	if len(want) == 0 {
		if last != nil {
			t.Fatalf("empty history ends with %v", last)
		}
		return
	}
	if w := want[len(want)-1]; !sameDecision(last, w) {
		t.Fatalf("history ends with %v, want %v", last, w)
	}
}

func wantFound(t tb, want *protocol.Decision) func(*protocol.Decision, bool, error) {
	return func(got *protocol.Decision, found bool, err error) {
		t.Helper()
		if err != nil || !found || !sameDecision(got, want) {
			t.Fatalf("found %v: %+v, error %v; want %+v", found, got, err, want)
		}
	}
}

// findings opens the history in dir as an offline tool would.
func findings(t tb, dir string) (all []*DamageError) {
	t.Helper()
	h, err := OpenReadOnly(dir)
	var damage *DamageError
	if errors.As(err, &damage) {
		return []*DamageError{damage}
	}
	must(t, err)
	must(t, h.Verify(func(d *DamageError) { all = append(all, d) }))
	must(t, h.Close())
	return all
}

func wantSound(t tb, dir string) {
	t.Helper()
	if all := findings(t, dir); len(all) > 0 {
		t.Fatalf("findings: %v", all)
	}
}

func historyFile(dir string) string { return filepath.Join(dir, FileName) }

func namesIn(t tb, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
