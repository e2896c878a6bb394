package chaos

import (
	"encoding/hex"
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/proof"
	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/protocol"
)

// A proof that finds nothing must be one that would have found something. These
// tests plant what a broken cluster would leave.

// forge makes the history of a cluster that works, from the numbers of blocks
// in decided order.
func forge(t *testing.T, p plan, numbers ...uint64) (history []proof.Height) {
	t.Helper()
	run := executor.NewSequential(ledger.Machine{}, protocol.DefaultLimits())
	var root protocol.Digest
	for i, number := range numbers {
		b := p.block(number)
		outcomes, err := run.Execute(b.transactions)
		if err != nil {
			t.Fatal(err)
		}
		h := proof.Height{Height: uint64(i + 1), Key: b.key, Outcomes: map[string]uint64{}}
		for name, n := range outcomes.Counts() {
			h.Outcomes[name] = uint64(n)
		}
		var digests []protocol.Digest
		for shard := range protocol.ShardID(shards) {
			d := run.StateDigest(p.slots, shard)
			digests, h.Digests = append(digests, d), append(h.Digests, d.String())
		}
		id := protocol.BlockID(b.key, b.body())
		root = protocol.ChainRoot(root, protocol.Height(h.Height), id, digests)
		h.Block, h.Root = id.String(), root.String()
		history = append(history, h)
	}
	return history
}

// follows audits a history to its end.
func follows(p plan, history []proof.Height) (*audit, error) {
	a := newAudit(p)
	for _, h := range history {
		if err := a.step(h); err != nil {
			return a, err
		}
	}
	return a, a.digests(a.newest, true)
}

// order is the decided order of the blocks of these tests.
var order = []uint64{0, 2, 1, 8, 5}

// answersTo are answers as they should be.
func answersTo(p plan, history []proof.Height) map[uint64]proof.Height {
	all := map[uint64]proof.Height{}
	for i, h := range history {
		all[order[i]] = h
	}
	return all
}

func TestSoundHistory(t *testing.T) {
	p := newPlan(1)
	history := forge(t, p, order...)
	a, err := follows(p, history)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.answered(answersTo(p, history), map[uint64]bool{3: true}); err != nil {
		t.Error(err)
	}
	if a.across < 2*blockSize || a.across > a.transactions {
		t.Errorf("%d transactions of %d are across shards", a.across, a.transactions)
	}
}

func TestWrongHistory(t *testing.T) {
	p := newPlan(1)
	for name, plant := range map[string]func([]proof.Height) []proof.Height{
		"a gap":        func(h []proof.Height) []proof.Height { return append(h[:2], h[3:]...) },
		"a block lost": func(h []proof.Height) []proof.Height { h[2] = h[3]; h[2].Height = 3; return h },
		"a block twice": func(h []proof.Height) []proof.Height {
			again := h[1]
			again.Height = uint64(len(h) + 1)
			return append(h, again)
		},
		"another block":   func(h []proof.Height) []proof.Height { h[4].Key = p.key(6); return h },
		"another's key":   func(h []proof.Height) []proof.Height { h[4].Key = "chaos/2/5"; return h },
		"another outcome": func(h []proof.Height) []proof.Height { h[2].Outcomes["applied"]--; return h },
		"another root":    func(h []proof.Height) []proof.Height { h[2].Root = h[1].Root; return h },
		"another digest":  func(h []proof.Height) []proof.Height { h[4].Digests[0] = h[3].Digests[0]; return h },
		"other digests, and roots to match": func(h []proof.Height) []proof.Height {
			wrong := forge(t, p, 0, 2, 1, 8, 6)
			h[4].Digests = wrong[4].Digests
			h[4].Root = rootOver(t, h[3].Root, h[4])
			return h
		},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := follows(p, plant(forge(t, p, order...))); err == nil {
				t.Error("the audit finds nothing")
			}
		})
	}
}

// rootOver computes a chain root as a cluster with these digests would.
func rootOver(t *testing.T, below string, h proof.Height) string {
	t.Helper()
	read := func(text string) protocol.Digest {
		raw, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return protocol.Digest(raw)
	}
	var digests []protocol.Digest
	for _, d := range h.Digests {
		digests = append(digests, read(d))
	}
	return protocol.ChainRoot(read(below), protocol.Height(h.Height), read(h.Block), digests).String()
}

func TestWrongAnswers(t *testing.T) {
	p := newPlan(1)
	history := forge(t, p, order...)
	told := answersTo(p, history)
	for name, plant := range map[string]func(committed map[uint64]proof.Height, abandoned map[uint64]bool){
		"an acknowledged block is not there": func(c map[uint64]proof.Height, _ map[uint64]bool) { c[9] = history[1] },
		"another height":                     func(c map[uint64]proof.Height, _ map[uint64]bool) { c[1] = c[2] },
		"another digest": func(c map[uint64]proof.Height, _ map[uint64]bool) {
			h := c[1]
			h.Digests = history[0].Digests
			c[1] = h
		},
		"an aborted block is there": func(_ map[uint64]proof.Height, a map[uint64]bool) { a[5] = true },
	} {
		t.Run(name, func(t *testing.T) {
			a, err := follows(p, history)
			if err != nil {
				t.Fatal(err)
			}
			committed, abandoned := maps.Clone(told), map[uint64]bool{}
			plant(committed, abandoned)
			if a.answered(committed, abandoned) == nil {
				t.Error("the audit finds nothing")
			}
		})
	}
	kept := newAnswers()
	if err := kept.commit(1, told[1]); err != nil {
		t.Fatal(err)
	}
	if kept.commit(1, told[2]) == nil {
		t.Error("a second answer that differs is not found")
	}
}

func TestWrongReads(t *testing.T) {
	p := newPlan(1)
	a, err := follows(p, forge(t, p, order...))
	if err != nil {
		t.Fatal(err)
	}
	right := glimpse{height: 3, shard: 2, sum: a.sums[3][2]}
	if err := a.read([]glimpse{right}); err != nil {
		t.Error(err)
	}
	late := right
	late.height = 5
	if a.read([]glimpse{late}) == nil {
		t.Error("a read of another height is not found")
	}
}

func TestWrongDump(t *testing.T) {
	p := newPlan(1)
	a, err := follows(p, forge(t, p, order...))
	if err != nil {
		t.Fatal(err)
	}
	dump := dumpOf(t, a, 2)
	if err := compareDump(strings.NewReader(dump), a.state(2)); err != nil {
		t.Fatalf("a dump that is right: %v", err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(dump, "\n"), "\n")
	middle := len(lines) / 2
	for name, wrong := range map[string]string{
		"a byte of a value": strings.Join(lines[:middle], "") + flipped(lines[middle]) + strings.Join(lines[middle+1:], ""),
		"a pair missing":    strings.Join(append(append([]string{}, lines[:middle]...), lines[middle+1:]...), ""),
		"the last missing":  strings.Join(lines[:len(lines)-1], ""),
		"a pair more":       dump + `{"key":"kv/zzz","value":"00"}` + "\n",
		"cut short":         dump[:len(dump)/2],
		"another shard's":   dumpOf(t, a, 1),
		"nothing":           "",
	} {
		if compareDump(strings.NewReader(wrong), a.state(2)) == nil {
			t.Errorf("%s: the comparison finds nothing", name)
		}
	}
}

// dumpOf writes what a sound shard would dump.
func dumpOf(t *testing.T, a *audit, shard protocol.ShardID) string {
	t.Helper()
	var out strings.Builder
	lines := json.NewEncoder(&out)
	for key, value := range a.state(shard) {
		if err := lines.Encode(map[string]string{"key": key, "value": hex.EncodeToString(value)}); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

// flipped changes the last digit of a line's value.
func flipped(line string) string {
	at := strings.LastIndex(line, `"}`) - 1
	digit := "0"
	if line[at] == '0' {
		digit = "1"
	}
	return line[:at] + digit + line[at+1:]
}
