package history

import (
	"math"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
)

func TestCreateRefuses(t *testing.T) {
	for name, change := range map[string]func(*Meta){
		"no configuration":   func(m *Meta) { m.Config = protocol.Config{} },
		"limits of nothing":  func(m *Meta) { m.Config.Limits = protocol.Limits{} },
		"shard out of range": func(m *Meta) { m.Joined[3] = protocol.DirectoryID{1} },
		"keep above forced":  func(m *Meta) { m.Log.Keep = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			dir, meta := t.TempDir(), testMeta()
			change(&meta)
			wantErr(t, Create(dir, meta, Options{}), ErrInvalid)
			if names := namesIn(t, dir); len(names) != 0 {
				t.Fatalf("directory holds %v", names)
			}
		})
	}
}

func TestAppendRefusesMeta(t *testing.T) {
	cases := map[string]struct {
		change func(*Meta)
		want   error
	}{
		"other cluster":    {func(m *Meta) { m.Config.Cluster[0]++ }, ErrForeign},
		"other slots":      {func(m *Meta) { m.Config.Slots = protocol.EvenSlots(4) }, ErrForeign},
		"other limits":     {func(m *Meta) { m.Config.Limits.KeyBytes++ }, ErrForeign},
		"no configuration": {func(m *Meta) { m.Config = protocol.Config{} }, ErrInvalid},
		"other log":        {func(m *Meta) { m.Log.ID[15]++ }, ErrForeign},
		"other directory":  {func(m *Meta) { m.Joined[2] = protocol.DirectoryID{1} }, ErrForeign},
		"lost binding":     {func(m *Meta) { delete(m.Joined, 2) }, ErrForeign},
		"unknown shard":    {func(m *Meta) { m.Joined[3] = protocol.DirectoryID{1} }, ErrInvalid},
		"epoch goes back":  {func(m *Meta) { m.Epoch = metaAt(20).Epoch - 1 }, ErrOrder},
		"keep goes back":   {func(m *Meta) { m.Log.Keep = metaAt(20).Log.Keep - 1 }, ErrOrder},
		"forced goes back": {func(m *Meta) { m.Log.Forced = metaAt(20).Log.Forced - 1 }, ErrOrder},
		"keep past forced": {func(m *Meta) { m.Log.Keep = m.Log.Forced + 2 }, ErrInvalid},
		"keep wraps":       {func(m *Meta) { m.Log.Keep = math.MaxUint64 }, ErrInvalid},
	}
	decisions := chain(21)
	h := mustOpen(t, built(t, decisions[:20]))
	defer h.Close()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			meta := metaAt(21)
			c.change(&meta)
			wantErr(t, h.Append(meta, decisions[20:]), c.want)
			wantErr(t, h.Append(meta, nil), c.want)
			wantExactly(t, h, metaAt(20), decisions[:20])
		})
	}
	added := metaAt(21)
	added.Joined[1] = protocol.DirectoryID{11}
	must(t, h.Append(added, decisions[20:]))
	wantExactly(t, h, added, decisions)
}

func TestAppendRefusesDecisions(t *testing.T) {
	decisions := chain(24)
	changed := func(change func(*protocol.Decision)) []*protocol.Decision {
		d := *decisions[20]
		change(&d)
		return []*protocol.Decision{&d}
	}
	sealed := func(change func(*protocol.Decision)) []*protocol.Decision {
		return changed(func(d *protocol.Decision) {
			change(d)
			d.Root = protocol.ChainRoot(decisions[19].Root, d.Height(), d.Block, d.Digests)
		})
	}
	same := nextDecision(decisions[21], 3, decisions[20].Key, protocol.Outcomes{})
	broken := protocol.Outcomes{Names: []string{"a"}, Codes: []uint8{9}}
	cases := map[string]struct {
		decisions []*protocol.Decision
		want      error
	}{
		"gap":              {decisions[21:], ErrOrder},
		"again":            {decisions[19:], ErrOrder},
		"descending":       {[]*protocol.Decision{decisions[21], decisions[20]}, ErrOrder},
		"gap inside":       {[]*protocol.Decision{decisions[20], decisions[22]}, ErrOrder},
		"height 0":         {[]*protocol.Decision{{Key: "k"}}, ErrOrder},
		"nil":              {[]*protocol.Decision{decisions[20], nil}, ErrInvalid},
		"no key":           {changed(func(d *protocol.Decision) { d.Key = "" }), ErrInvalid},
		"long key":         {changed(func(d *protocol.Decision) { d.Key = strings.Repeat("k", 1025) }), ErrInvalid},
		"broken outcomes":  {changed(func(d *protocol.Decision) { d.Outcomes = broken }), ErrInvalid},
		"many outcomes":    {changed(func(d *protocol.Decision) { d.Outcomes = protocol.NewOutcomes(1_000_001) }), ErrInvalid},
		"key of below":     {changed(func(d *protocol.Decision) { d.Key = decisions[3].Key }), ErrDuplicate},
		"key twice":        {[]*protocol.Decision{decisions[20], decisions[21], same}, ErrDuplicate},
		"wrong root":       {changed(func(d *protocol.Decision) { d.Root[0]++ }), ErrChain},
		"other block":      {changed(func(d *protocol.Decision) { d.Block[0]++ }), ErrChain},
		"other digest":     {changed(func(d *protocol.Decision) { d.Digests = decisions[1].Digests }), ErrChain},
		"other parent":     {changed(func(d *protocol.Decision) { d.Parent.Attempt++ }), ErrChain},
		"missing shard":    {sealed(func(d *protocol.Decision) { d.Digests = d.Digests[:2] }), ErrChain},
		"unclaimed epoch":  {sealed(func(d *protocol.Decision) { d.Attempt.Epoch = 1000 }), ErrChain},
		"no epoch":         {sealed(func(d *protocol.Decision) { d.Attempt.Epoch = 0 }), ErrChain},
		"good, then wrong": {append(decisions[20:22:22], changed(func(d *protocol.Decision) { d.Key = "z" })...), ErrOrder},
	}
	h := mustOpen(t, built(t, decisions[:20]))
	defer h.Close()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			wantErr(t, h.Append(metaAt(30), c.decisions), c.want)
			wantExactly(t, h, metaAt(20), decisions[:20])
		})
	}
	must(t, h.Append(metaAt(24), decisions[20:]))
	wantExactly(t, h, metaAt(24), decisions)
}

func TestLongestKey(t *testing.T) {
	var decisions []*protocol.Decision
	var below *protocol.Decision
	for i := range 60 {
		key := strings.Repeat("k", protocol.MaxBlockKeyBytes-2) + string([]byte{byte(200 - i), byte(i)})
		below = nextDecision(below, 3, key, protocol.Outcomes{})
		decisions = append(decisions, below)
	}
	dir := built(t, decisions)
	wantSound(t, dir)
	h := mustOpen(t, dir)
	wantExactly(t, h, metaAt(60), decisions)
	if _, found, err := h.ByKey(strings.Repeat("k", 5000)); found || err != nil {
		t.Fatalf("found %v, error %v", found, err)
	}
	if _, found, err := h.ByKey(""); found || err != nil {
		t.Fatalf("found %v, error %v", found, err)
	}
	must(t, h.Close())
}

func TestAppendRefusesFullDisk(t *testing.T) {
	decisions := chain(30)
	dir := built(t, decisions[:10])
	free := int64(0)
	h, err := Open(dir, Options{freeBytes: func() (int64, error) { return free, nil }})
	must(t, err)
	defer h.Close()
	wantErr(t, h.Append(metaAt(30), decisions[10:]), ErrNoSpace)
	wantExactly(t, h, metaAt(10), decisions[:10])
	free = spareBytes + 64<<10
	wantErr(t, h.Append(metaAt(30), decisions[10:]), ErrNoSpace)
	must(t, h.Append(metaAt(12), decisions[10:12]))
	free = 1 << 30
	must(t, h.Append(metaAt(30), decisions[12:]))
	wantExactly(t, h, metaAt(30), decisions)
}

// TestSpaceEstimate: the file never grows by more than was asked for.
func TestSpaceEstimate(t *testing.T) {
	dir := t.TempDir()
	mustCreate(t, dir)
	h := mustOpen(t, dir)
	defer h.Close()
	var below *protocol.Decision
	for _, n := range []int{1, 1, 5, 50, 500, 1000, 10, 1000, 1, 200} {
		var decisions []*protocol.Decision
		for range n {
			height := protocol.Height(1)
			if below != nil {
				height = below.Height() + 1
			}
			below = nextDecision(below, 3, testKey(height)+strings.Repeat("x", int(height%300)), testOutcomes(int(height%2000)))
			decisions = append(decisions, below)
		}
		next, err := h.tip.Load().advance(metaAt(below.Height()), decisions)
		must(t, err)
		w, err := newWrite(next, decisions)
		must(t, err)
		before := usedBytes(t, h)
		must(t, h.Append(metaAt(below.Height()), decisions))
		if grown, most := usedBytes(t, h)-before, w.mostBytes(int64(h.bolt.Info().PageSize))+spareBytes; grown > most {
			t.Fatalf("%d decisions: file grew by %d bytes, estimated were %d", n, grown, most)
		}
	}
}

func usedBytes(t tb, h *History) int64 {
	t.Helper()
	tx, err := h.bolt.Begin(false)
	must(t, err)
	defer tx.Rollback()
	return tx.Size()
}
