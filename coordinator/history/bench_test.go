package history

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
)

// benchKey looks like the keys that a client makes from content: without order.
func benchKey(h protocol.Height) string {
	sum := sha256.Sum256(heightBytes(h))
	return hex.EncodeToString(sum[:])
}

// benchGrow appends decisions for blocks of 1000 transactions, 1000 at a time.
func benchGrow(b *testing.B, h *History, batches int, timed bool) {
	b.Helper()
	below, err := h.Last()
	must(b, err)
	outcomes := testOutcomes(1000)
	for range batches {
		if timed {
			b.StopTimer()
		}
		decisions := make([]*protocol.Decision, 1000)
		for i := range decisions {
			height := protocol.Height(1)
			if below != nil {
				height = below.Height() + 1
			}
			below = nextDecision(below, 3, benchKey(height), outcomes)
			decisions[i] = below
		}
		if timed {
			b.StartTimer()
		}
		must(b, h.Append(metaAt(below.Height()), decisions))
	}
}

func benchHistory(b *testing.B, thousands int) *History {
	b.Helper()
	dir := b.TempDir()
	mustCreate(b, dir)
	h := mustOpen(b, dir)
	b.Cleanup(func() { must(b, h.Close()) })
	benchGrow(b, h, thousands, false)
	return h
}

// BenchmarkAppend appends 1000 decisions to a history of the given height.
func BenchmarkAppend(b *testing.B) {
	for _, thousands := range []int{0, 100} {
		b.Run(strconv.Itoa(thousands)+"k", func(b *testing.B) {
			h := benchHistory(b, thousands)
			b.ResetTimer()
			benchGrow(b, h, b.N, true)
			b.ReportMetric(float64(usedBytes(b, h))/float64(h.Height()), "file-bytes/decision")
		})
	}
}

func BenchmarkByKey(b *testing.B) {
	h := benchHistory(b, 100)
	for name, offset := range map[string]protocol.Height{"found": 0, "absent": 1 << 40} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				height := 1 + protocol.Height(rand.Uint64N(uint64(h.Height())))
				_, found, err := h.ByKey(benchKey(height + offset))
				must(b, err)
				if found != (offset == 0) {
					b.Fatalf("found %v", found)
				}
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	h := benchHistory(b, 20)
	for b.Loop() {
		must(b, h.Verify(func(d *DamageError) { b.Fatalf("finding: %v", d) }))
	}
	b.ReportMetric(float64(h.Height())*float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
}

func BenchmarkRange(b *testing.B) {
	h := benchHistory(b, 10)
	for b.Loop() {
		must(b, h.Range(1, 0, func(*protocol.Decision) error { return nil }))
	}
	b.ReportMetric(float64(h.Height())*float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
}
