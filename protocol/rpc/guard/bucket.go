package guard

import "time"

// bucket allows so many things at once, and so many per second in the long run. It is
// not safe for concurrent use.
type bucket struct {
	most, perSecond, left float64
	at                    time.Time
}

func newBucket(most, perSecond int, now time.Time) bucket {
	return bucket{float64(most), float64(perSecond), float64(most), now}
}

// take reports whether one more is allowed.
func (b *bucket) take(now time.Time) bool {
	b.refill(now)
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

func (b *bucket) refill(now time.Time) {
	b.add(now.Sub(b.at).Seconds() * b.perSecond)
	b.at = now
}

// add allows n more, up to the most.
func (b *bucket) add(n float64) { b.left = min(b.most, b.left+max(0, n)) }

// full reports whether nothing was taken for long.
func (b *bucket) full(now time.Time) bool {
	b.refill(now)
	return b.left >= b.most
}
