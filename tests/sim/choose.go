package sim

import (
	"math/rand/v2"
	"time"
)

// chooser draws choices. Each purpose has a stream of its own, so that a
// client or a fault that is left out shifts as little of the rest as possible.
type chooser struct{ *rand.Rand }

// purpose is what a chooser is for.
type purpose uint64

const (
	streamWorld purpose = 1 + iota
	streamSteps
	streamClients
	streamFaults
	streamFault // one for every fault, by its ordinal
	streamNodes
	streamWraps
	streamSaves
	streamOperator
)

func newChooser(seed uint64, s purpose, ordinal int) chooser {
	return chooser{rand.New(rand.NewPCG(mix(seed), mix(uint64(s)<<32|uint64(ordinal))))}
}

// mix spreads the bits of a number (the finalizer of splitmix64), since seeds
// follow each other.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// percent is true in so many of a hundred cases.
func (c chooser) percent(p int) bool { return c.IntN(100) < p }

// between draws from low to high, both included.
func (c chooser) between(low, high int) int { return low + c.IntN(high-low+1) }

// wait draws a time from low to high.
func (c chooser) wait(low, high time.Duration) time.Duration {
	return low + time.Duration(c.Int64N(int64(high-low)+1))
}

// one draws one of several.
func one[T any](c chooser, of []T) T { return of[c.IntN(len(of))] }

// fill draws an identity.
func (c chooser) fill(id []byte) {
	for i := range id {
		id[i] = byte(c.Uint32())
	}
}
