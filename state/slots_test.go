package state

import (
	"math/rand/v2"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Slots beside a map, over few hashes that begin their probes at few places,
// while the lowest layers are cut off.
func TestSlotsBesideAMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var s slots
	want := map[uint64]place{}
	var in layers
	for h := protocol.Height(1); h <= 400; h++ {
		in = append(in, &layer{height: h, writes: make([]layerWrite, 32)})
		for at := range uint32(rng.IntN(32)) {
			hash := rng.Uint64N(60)<<32 | 1
			before := s.put(hash, place{uint32(h), at}, in)
			if old := want[hash]; in.have(before) != in.have(old) || in.have(old) && before != old {
				t.Fatalf("height %d: hash %x was at %v, want %v", h, hash, before, old)
			}
			want[hash] = place{uint32(h), at}
		}
		in = in[rng.IntN(len(in)+1):]
		live := 0
		for hash := uint64(1); hash < 60<<32; hash += 1 << 32 {
			got, known := s.get(hash), want[hash]
			if in.have(got) != in.have(known) || in.have(known) && got != known {
				t.Fatalf("height %d: hash %x is at %v, want %v", h, hash, got, known)
			}
			if in.have(known) {
				live++
			}
		}
		if n := s.count(in); n != live {
			t.Fatalf("height %d: %d hashes, want %d", h, n, live)
		}
	}
	if len(s.table) > 256 {
		t.Errorf("%d slots for 60 hashes", len(s.table))
	}
}
