package fuzz

import (
	"runtime/metrics"
	"testing"
)

// bound is how many bytes executions may allocate.
type bound struct{ perByte, constant uint64 }

// of is the bound of an execution with size bytes of input.
func (b *bound) of(size int) uint64 { return b.constant + b.perByte*uint64(size) }

// tries is how often an execution must allocate too much: lumps of what others have
// allocated come once, and its own every time.
const tries = 4

// around checks every execution.
func (b *bound) around(run runner) runner {
	return func(t testing.TB, in input) {
		size, took := in.size(), uint64(0)
		for range tries {
			again := in.clone() // run may change what it is given
			before := allocated()
			run(t, again)
			if took = allocated() - before; took <= b.of(size) {
				return
			}
		}
		t.Fatalf("%d bytes were allocated for an input of %d, want at most %d", took, size, b.of(size))
	}
}

// allocated is how many bytes the process has allocated so far. Large objects count
// at once, small ones when the span that they lie in is full.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
