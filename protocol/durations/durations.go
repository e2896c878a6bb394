// Package durations counts how long things take, in buckets that every node
// shares, so that the difference of two counts tells what happened in between.
// The message is wirepb.Durations.
//
//	var forces durations.Counter
//	forces.Observe(took)
//	before := forces.Message()
//	…
//	p99, ok := durations.Quantile(durations.Since(forces.Message(), before), 0.99)
package durations

import (
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

const (
	// Buckets is how many there are. The last takes whatever is longer.
	Buckets = 72
	// first is the longest that the first bucket counts, and growth how much longer
	// that of each other is than that of the one before it.
	first  = 50 * time.Microsecond
	growth = 1.25
)

// bounds are the longest that each bucket counts; the last has none.
var bounds = func() (b [Buckets - 1]time.Duration) {
	for i := range b {
		b[i] = time.Duration(float64(first) * math.Pow(growth, float64(i)))
	}
	return b
}()

// Counter counts durations. The zero value is ready. It is safe for concurrent
// use, and Observe takes no lock.
type Counter struct {
	sum     atomic.Int64 // microseconds
	buckets [Buckets]atomic.Uint64
}

// Observe counts one duration.
func (c *Counter) Observe(d time.Duration) {
	at, _ := slices.BinarySearch(bounds[:], d)
	c.buckets[at].Add(1)
	c.sum.Add(max(d, 0).Microseconds())
}

// Message copies what was counted so far.
func (c *Counter) Message() *wirepb.Durations {
	m := &wirepb.Durations{TotalUs: uint64(c.sum.Load()), Buckets: make([]uint64, Buckets)}
	used := 0
	for i := range c.buckets {
		n := c.buckets[i].Load()
		m.Buckets[i] = n
		m.Count += n
		if n > 0 {
			used = i + 1
		}
	}
	m.Buckets = m.Buckets[:used]
	return m
}

// Since gives what was counted after an earlier message of the same counter. A
// counter that has begun anew counts as a whole.
func Since(now, before *wirepb.Durations) *wirepb.Durations {
	if before.GetCount() > now.GetCount() || before.GetTotalUs() > now.GetTotalUs() {
		before = nil
	}
	d := &wirepb.Durations{Count: now.GetCount() - before.GetCount(), TotalUs: now.GetTotalUs() - before.GetTotalUs()}
	d.Buckets = slices.Clone(now.GetBuckets())
	for i, n := range before.GetBuckets() {
		if i < len(d.Buckets) {
			d.Buckets[i] -= min(n, d.Buckets[i])
		}
	}
	return d
}

// Add adds what was counted in m to the sum; a nil sum begins one.
func Add(sum, m *wirepb.Durations) *wirepb.Durations {
	if sum == nil {
		sum = &wirepb.Durations{}
	}
	sum.Count += m.GetCount()
	sum.TotalUs += m.GetTotalUs()
	for i, n := range m.GetBuckets() {
		if i == len(sum.Buckets) {
			sum.Buckets = append(sum.Buckets, 0)
		}
		sum.Buckets[i] += n
	}
	return sum
}

// Quantile gives the duration that a part q (0 to 1) of what was counted did not
// exceed, up to the width of a bucket, which is a quarter; ok is false if nothing
// was counted. It trusts the message no further than its buckets.
func Quantile(m *wirepb.Durations, q float64) (d time.Duration, ok bool) {
	var count uint64
	for _, n := range m.GetBuckets() {
		count += n
	}
	if count == 0 {
		return 0, false
	}
	rank := max(1, uint64(math.Ceil(q*float64(count))))
	for i, n := range m.GetBuckets() {
		if n >= rank {
			return within(i, float64(rank)/float64(n)), true
		}
		rank -= n
	}
	return bounds[len(bounds)-1], true
}

// within gives a duration a part of the way through a bucket.
func within(bucket int, part float64) time.Duration {
	if bucket >= len(bounds) {
		return bounds[len(bounds)-1]
	}
	var from time.Duration
	if bucket > 0 {
		from = bounds[bucket-1]
	}
	return from + time.Duration(part*float64(bounds[bucket]-from))
}
