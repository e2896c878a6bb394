package state

import (
	"bytes"

	"github.com/lockstep-exec/lockstep/protocol"
)

// newestWrites merges layers, ascending by height, into the newest write of
// every key, ascending by key. The result aliases the layers.
func newestWrites(layers []*layer) []protocol.WriteOp {
	m := merge{layers: layers, shared: sharedPrefix(layers)}
	heads := m.newest(0, len(layers))
	writes := make([]protocol.WriteOp, len(heads))
	for i, h := range heads {
		writes[i] = layers[h.layer].write(int(h.at))
	}
	return writes
}

// merge merges layers by comparing eight bytes of each key, from the first byte
// on in which the keys differ; the rest of a key decides only between equals.
type merge struct {
	layers []*layer
	shared int // bytes that all keys begin with
}

// head stands for one write.
type head struct {
	prefix    uint64 // protocol.KeyPrefix of its key behind the shared bytes
	layer, at uint32
}

// newest merges the layers with from <= index < to.
func (m *merge) newest(from, to int) []head {
	switch to - from {
	case 0:
		return nil
	case 1:
		return m.heads(from)
	}
	half := (from + to) / 2
	return m.two(m.newest(from, half), m.newest(half, to))
}

func (m *merge) heads(layer int) []head {
	l := m.layers[layer]
	heads := make([]head, len(l.writes))
	for i := range heads {
		heads[i] = head{prefix: protocol.KeyPrefix(l.key(i)[m.shared:]), layer: uint32(layer), at: uint32(i)}
	}
	return heads
}

// two merges two ascending runs; where both write a key, newer wins.
func (m *merge) two(older, newer []head) []head {
	merged := make([]head, 0, len(older)+len(newer))
	for len(older) > 0 && len(newer) > 0 {
		order := m.compare(older[0], newer[0])
		if order < 0 {
			merged = append(merged, older[0])
			older = older[1:]
			continue
		}
		if order == 0 {
			older = older[1:]
		}
		merged = append(merged, newer[0])
		newer = newer[1:]
	}
	return append(append(merged, older...), newer...)
}

func (m *merge) compare(a, b head) int {
	switch {
	case a.prefix < b.prefix:
		return -1
	case a.prefix > b.prefix:
		return 1
	}
	return bytes.Compare(m.layers[a.layer].key(int(a.at)), m.layers[b.layer].key(int(b.at)))
}

// sharedPrefix is the number of bytes that all keys of the layers begin with:
// the lowest and the highest one tell.
func sharedPrefix(layers []*layer) int {
	var lowest, highest []byte
	for _, l := range layers {
		if len(l.writes) == 0 {
			continue
		}
		if first := l.key(0); lowest == nil || bytes.Compare(first, lowest) < 0 {
			lowest = first
		}
		if last := l.key(len(l.writes) - 1); bytes.Compare(last, highest) > 0 {
			highest = last
		}
	}
	n := 0
	for n < len(lowest) && lowest[n] == highest[n] {
		n++
	}
	return n
}
