package state

import (
	"bytes"
	"math"
	"slices"

	"github.com/lockstep-exec/lockstep/protocol"
)

// newestWrites merges layers, ascending by height, into the newest write of
// every key, ascending by key. The result aliases the layers.
func newestWrites(layers []*layer) []protocol.WriteOp {
	heads := newestHeads(layers)
	writes := make([]protocol.WriteOp, len(heads))
	for i, h := range heads {
		writes[i] = layers[h.set].write(int(h.at))
	}
	return writes
}

// writeSet are writes ascending by key, no key twice.
type writeSet interface {
	Len() int
	Key(i int) []byte
}

// head stands for one write.
type head struct {
	prefix  uint64 // protocol.KeyPrefix of its key behind the shared bytes
	set, at uint32
}

// merge sorts the writes of sets by eight bytes of each key, from the first byte
// on in which the keys differ; the rest of a key decides only between equals.
type merge[S writeSet] struct {
	sets   []S
	shared int  // bytes that all keys begin with
	whole  bool // all keys are of one length, and the eight bytes are all the rest of each
}

// newestHeads gives the heads of the newest write of every key, ascending by key.
// Of the sets, the later are newer.
func newestHeads[S writeSet](sets []S) []head {
	m := merge[S]{sets: sets, shared: sharedPrefix(sets)}
	return m.newest(radixSort(m.heads()))
}

// heads gives the heads of all writes, those of older sets first, and finds out
// whether the prefix of a head tells its key from all others: then nothing needs
// to be fetched to compare two.
func (m *merge[S]) heads() []head {
	n := 0
	for _, s := range m.sets {
		n += s.Len()
	}
	heads := make([]head, 0, n)
	shortest, longest := math.MaxInt, 0
	for i, s := range m.sets {
		for j := range s.Len() {
			key := s.Key(j)
			shortest, longest = min(shortest, len(key)), max(longest, len(key))
			heads = append(heads, head{prefix: protocol.KeyPrefix(key[m.shared:]), set: uint32(i), at: uint32(j)})
		}
	}
	m.whole = shortest == longest && longest <= m.shared+8
	return heads
}

// newest keeps the newest head of each key. The heads ascend by prefix, and of
// those with the same prefix the older come first. It works in place.
func (m *merge[S]) newest(heads []head) []head {
	kept := heads[:0]
	for len(heads) > 0 {
		n := 1
		for n < len(heads) && heads[n].prefix == heads[0].prefix {
			n++
		}
		same := heads[:n]
		heads = heads[n:]
		if n > 1 && !m.whole {
			slices.SortStableFunc(same, func(a, b head) int { return bytes.Compare(m.key(a), m.key(b)) })
			for len(same) > 1 {
				if !bytes.Equal(m.key(same[0]), m.key(same[1])) {
					kept = append(kept, same[0])
				}
				same = same[1:]
			}
		}
		kept = append(kept, same[len(same)-1])
	}
	return kept
}

func (m *merge[S]) key(h head) []byte { return m.sets[h.set].Key(int(h.at)) }

// radixSort sorts by prefix, and leaves the order of equals as it is. It takes one
// pass for each byte in which prefixes differ, the lowest first. The slice given
// is used up.
func radixSort(heads []head) []head {
	var counts [8][256]int
	for _, h := range heads {
		for digit := range counts {
			counts[digit][byte(h.prefix>>(8*digit)&0xff)]++
		}
	}
	other := make([]head, len(heads))
	for digit := range counts {
		count := &counts[digit]
		if slices.Contains(count[:], len(heads)) {
			continue // the same byte in all
		}
		next := 0
		for b, n := range count {
			count[b] = next
			next += n
		}
		for _, h := range heads {
			b := byte(h.prefix >> (8 * digit) & 0xff)
			other[count[b]] = h
			count[b]++
		}
		heads, other = other, heads
	}
	return heads
}

// sharedPrefix is the number of bytes that all keys of the sets begin with: the
// lowest and the highest one tell.
func sharedPrefix[S writeSet](sets []S) int {
	var lowest, highest []byte
	for _, s := range sets {
		if s.Len() == 0 {
			continue
		}
		if first := s.Key(0); lowest == nil || bytes.Compare(first, lowest) < 0 {
			lowest = first
		}
		if last := s.Key(s.Len() - 1); bytes.Compare(last, highest) > 0 {
			highest = last
		}
	}
	n := 0
	for n < len(lowest) && lowest[n] == highest[n] {
		n++
	}
	return n
}
