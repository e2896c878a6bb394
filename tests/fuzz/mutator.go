package fuzz

import (
	"encoding/binary"
	"math/bits"
)

// maxArgument bounds the bytes of one argument, unless a seed has more.
const maxArgument = 4096

// mutator makes inputs out of a corpus. All that it does follows from the corpus and
// the state, so an input can be made once more.
type mutator struct {
	state  uint64
	corpus []input
	most   int // bytes of an argument
}

func newMutator(seed uint64, corpus []input) *mutator {
	m := &mutator{state: seed, corpus: corpus, most: maxArgument}
	for _, in := range corpus {
		for _, a := range in {
			m.most = max(m.most, len(a.bytes))
		}
	}
	return m
}

// random gives 64 bits, by SplitMix64 of Steele, Lea and Flood (2014).
func (m *mutator) random() uint64 {
	m.state += 0x9e3779b97f4a7c15
	z := m.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below gives a number under n, which is positive and has at most 32 bits.
func (m *mutator) below(n int) int {
	high, _ := bits.Mul64(m.random(), uint64(n))
	return int(high)
}

// next writes an input into to: one of the corpus with one to a few changes.
func (m *mutator) next(to input) {
	m.corpus[m.below(len(m.corpus))].copyTo(to)
	for more := true; more; more = m.random()&1 == 0 {
		a := &to[m.below(len(to))]
		if a.isBytes() {
			a.bytes = m.bytes(a.bytes)
		} else {
			a.bits = m.number(a.bits)
		}
	}
}

// number changes the value of a number; of a small one or a bool its lowest bits
// count.
func (m *mutator) number(v uint64) uint64 {
	switch r := m.random(); r & 3 {
	case 0:
		return v ^ 1<<(r>>2&63)
	case 1:
		return v + r>>2&31 - 16
	case 2:
		return uint64(m.odd())
	default:
		return r >> (r >> 2 & 63)
	}
}

// odd gives a number at which code tends to go wrong: small ones, powers of two, and
// their neighbours.
func (m *mutator) odd() int64 {
	r := m.random()
	return int64(1)<<(r&63) - int64(r>>6&3) + 1
}

// bytes changes b, in its memory where that is enough.
func (m *mutator) bytes(b []byte) []byte {
	if len(b) == 0 {
		return m.insert(b)
	}
	switch m.below(10) {
	case 0:
		b[m.below(len(b))] ^= 1 << m.below(8)
	case 1:
		b[m.below(len(b))] = byte(m.random())
	case 2:
		b[m.below(len(b))] += byte(m.below(33) - 16)
	case 3:
		m.field(b)
	case 4:
		m.length(b)
	case 5:
		return m.insert(b)
	case 6: // take a piece away
		from, n := m.piece(b)
		return append(b[:from], b[from+n:]...)
	case 7: // a piece of another input, in place
		if other := m.other(); len(other) > 0 {
			from, n := m.piece(other)
			copy(b[m.below(len(b)):], other[from:from+n])
		}
	case 8: // cut, and go on as another input does
		b = b[:m.below(len(b)+1)]
		if other := m.other(); len(other) > 0 && m.below(2) == 0 {
			b = append(b, other[m.below(len(other)):]...)
		}
	case 9: // a piece goes elsewhere
		from, n := m.piece(b)
		copy(b[m.below(len(b)):], b[from:from+n])
	}
	return b[:min(len(b), m.most)]
}

// field overwrites an integer of 1 to 8 bytes, of either order of bytes.
func (m *mutator) field(b []byte) {
	width, v := 1<<m.below(4), uint64(m.odd())
	if width > len(b) {
		return
	}
	at := m.below(len(b) - width + 1)
	m.put(b[at:at+width], v)
}

// put writes the low bytes of v, in the order of the network three times out of four.
func (m *mutator) put(b []byte, v uint64) {
	var whole [8]byte
	if m.below(4) == 0 {
		binary.LittleEndian.PutUint64(whole[:], v)
		copy(b, whole[:])
		return
	}
	binary.BigEndian.PutUint64(whole[:], v)
	copy(b, whole[8-len(b):])
}

// length makes an integer say how many bytes come after it, or nearly so: a length
// that fits is what random bytes hardly ever are.
func (m *mutator) length(b []byte) {
	width := 1 << m.below(4)
	if width > len(b) {
		return
	}
	at := m.below(len(b) - width + 1)
	rest := len(b) - at - width
	m.put(b[at:at+width], uint64(rest+m.below(5)-2))
}

// insert puts in random, repeated or borrowed bytes.
func (m *mutator) insert(b []byte) []byte {
	at, n := m.below(len(b)+1), 1+m.below(1<<m.below(7))
	b = append(b, make([]byte, n)...)
	copy(b[at+n:], b[at:])
	into := b[at : at+n]
	switch m.below(3) {
	case 0:
		for i := range into {
			into[i] = byte(m.random())
		}
	case 1:
		clear(into)
	case 2:
		if other := m.other(); len(other) > 0 {
			from, _ := m.piece(other)
			copy(into, other[from:])
		}
	}
	return b[:min(len(b), m.most)]
}

// piece gives a part of b, mostly a short one; b is not empty.
func (m *mutator) piece(b []byte) (from, n int) {
	from = m.below(len(b))
	return from, 1 + m.below(min(len(b)-from, 1<<m.below(8)))
}

// other gives the bytes of any input of the corpus, or none.
func (m *mutator) other() []byte {
	in := m.corpus[m.below(len(m.corpus))]
	return in[m.below(len(in))].bytes
}
