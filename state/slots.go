package state

import "math/bits"

// slots is a hash table with open addressing from the hash of a key to the
// place of its newest version. Versions whose layer was cut off are not taken
// out one by one: their slots are filled again when a probe comes along them,
// or left behind when the table is rebuilt.
type slots struct {
	table []slot // a power of two, never full
	used  int    // slots that are not free, with those that lead nowhere
}

// slot is free if its hash is 0.
type slot struct {
	hash   uint64
	newest place
}

const leastSlots = 16

// get gives the place under a hash; it may lead nowhere.
func (s *slots) get(hash uint64) place {
	if at := s.find(hash); at >= 0 {
		return s.table[at].newest
	}
	return nowhere
}

// find gives the slot of a hash, or -1.
func (s *slots) find(hash uint64) int {
	mask := len(s.table) - 1
	for at := s.start(hash); mask >= 0; at = (at + 1) & mask {
		switch s.table[at].hash {
		case hash:
			return at
		case 0:
			return -1
		}
	}
	return -1
}

// start is where a probe begins. The low bits of the hash have chosen the part.
func (s *slots) start(hash uint64) int {
	return int(hash>>32) & (len(s.table) - 1)
}

// put sets the place under a hash, and gives the one before; it may lead
// nowhere.
func (s *slots) put(hash uint64, newest place, in layers) (before place) {
	if 4*(s.used+1) > 3*len(s.table) {
		s.rebuild(in)
	}
	mask, gone := len(s.table)-1, -1
	for at := s.start(hash); ; at = (at + 1) & mask {
		switch found := &s.table[at]; {
		case found.hash == hash:
			before, found.newest = found.newest, newest
			return before
		case found.hash == 0:
			if gone < 0 {
				gone = at
				s.used++
			}
			s.table[gone] = slot{hash, newest}
			return nowhere
		case gone < 0 && !in.have(found.newest):
			gone = at
		}
	}
}

// rebuild makes a table for twice the hashes that lead somewhere.
func (s *slots) rebuild(in layers) {
	old := s.table
	s.used = s.count(in)
	s.table = make([]slot, max(leastSlots, 1<<bits.Len(uint(2*s.used))))
	mask := len(s.table) - 1
	for _, moved := range old {
		if moved.hash == 0 || !in.have(moved.newest) {
			continue
		}
		at := s.start(moved.hash)
		for s.table[at].hash != 0 {
			at = (at + 1) & mask
		}
		s.table[at] = moved
	}
}

// count is the number of hashes that lead somewhere.
func (s *slots) count(in layers) (n int) {
	for _, x := range s.table {
		if x.hash != 0 && in.have(x.newest) {
			n++
		}
	}
	return n
}
