package state

import (
	"math"
	"time"
)

// Policy says when committed heights are checkpointed, and how many. The zero
// value of a field means its default.
type Policy struct {
	// MaxBytes: a checkpoint is due when the committed heights hold this much
	// memory. Default 32 MiB. One checkpoint takes at most twice as much,
	// except for a single height that is larger.
	MaxBytes int64
	// MaxAge: a checkpoint is due when a height that is not held back was
	// committed this long ago, and the last checkpoint is this old too. Longer
	// means fewer pages written, since one checkpoint writes a page once however
	// many of its keys have changed, and more of the log to read at a restart.
	// Default 10 s.
	MaxAge time.Duration
	// HoldBack is the number of newest committed heights that stay in memory,
	// so that they can still be read as of each of them; fewer if they hold
	// more than half of MaxBytes. Default 16; negative holds back none.
	HoldBack int
	// IdleAfter: everything is checkpointed, held back or not, when nothing
	// was committed for this long. Default 500 ms.
	IdleAfter time.Duration
	// RetryAfter is the wait before a checkpoint that was put off, most often for
	// want of disk space, is tried again. Default 1 s.
	RetryAfter time.Duration
}

// untilChanged is the wait of one who has nothing to do before something
// changes.
const untilChanged = time.Duration(math.MaxInt64)

func (p Policy) withDefaults() Policy {
	if p.MaxBytes == 0 {
		p.MaxBytes = 32 << 20
	}
	if p.MaxAge == 0 {
		p.MaxAge = 10 * time.Second
	}
	if p.HoldBack == 0 {
		p.HoldBack = 16
	}
	if p.IdleAfter == 0 {
		p.IdleAfter = 500 * time.Millisecond
	}
	if p.RetryAfter == 0 {
		p.RetryAfter = time.Second
	}
	return p
}

// Held is how many heights stay in memory if they are small: also a restart
// brings so many back one by one.
func (p Policy) Held() int { return max(0, p.withDefaults().HoldBack) }

// plan decides from the pending layers, ascending, and the time of the last
// checkpoint: the layers to checkpoint now, or, if there are none, how long to
// wait before asking again.
func (p Policy) plan(now, last time.Time, pending []*layer) (batch []*layer, wait time.Duration) {
	if len(pending) == 0 {
		return nil, untilChanged
	}
	idleAt := pending[len(pending)-1].committedAt.Add(p.IdleAfter)
	if !now.Before(idleAt) {
		return p.limit(pending), 0
	}
	free := p.withoutHeldBack(pending)
	if len(free) == 0 {
		return nil, idleAt.Sub(now)
	}
	dueAt := later(free[0].committedAt, last).Add(p.MaxAge)
	if bytesOf(pending) >= p.MaxBytes || !now.Before(dueAt) {
		return p.limit(free), 0
	}
	return nil, min(idleAt.Sub(now), dueAt.Sub(now))
}

// withoutHeldBack cuts off the newest layers, those that stay in memory.
func (p Policy) withoutHeldBack(pending []*layer) []*layer {
	var held int64
	n := len(pending)
	for n > 0 && len(pending)-n < p.HoldBack {
		held += pending[n-1].bytes
		if held > p.MaxBytes/2 {
			break
		}
		n--
	}
	return pending[:n]
}

// limit gives the oldest layers, as many as one transaction should take, and
// at least one.
func (p Policy) limit(layers []*layer) []*layer {
	var total int64
	for i, l := range layers {
		total += l.bytes
		if i > 0 && total > 2*p.MaxBytes {
			return layers[:i]
		}
	}
	return layers
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
