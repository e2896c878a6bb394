package executor

import (
	"cmp"
	"errors"
	"slices"

	"github.com/lockstep-exec/lockstep/protocol"
)

// ErrEarly tells a peer to send again later: there is no room for more values
// of attempts that take none here yet.
var ErrEarly = errors.New("no room for values of attempts that take none here yet")

// maxAhead bounds how far above the committed height values are kept.
const maxAhead = 1024

// keptBytes is what a kept batch costs besides its values.
const keptBytes = 64

// early keeps values of attempts that take none yet: those that have not begun
// here, and those that wait for their turn. Half of its room is divided among
// the peers, so that nobody is kept out by what another one sends; the other
// half is for whoever comes first.
//
// Of each peer and height it keeps one attempt, the newest: a peer executes
// another attempt of a height once the one before is aborted, and then nobody
// needs values of that any more.
type early struct {
	share      int64 // of the room, for each peer alone
	mostCommon int64 // the rest of it
	common     int64 // of which is in use
	used       map[protocol.ShardID]int64
	heights    map[protocol.Height][]kept // ascending by peer
	forgotten  protocol.Height            // nothing is kept up to here
}

// kept is what a peer pushed for an attempt, in the order in which it came.
type kept struct {
	from    protocol.ShardID
	attempt protocol.AttemptID
	batches [][]byte
	bytes   int64
}

func newEarly(room int64) early {
	return early{mostCommon: room, used: map[protocol.ShardID]int64{}, heights: map[protocol.Height][]kept{}}
}

// divide gives each of so many peers its share, before anything is kept.
func (b *early) divide(room int64, peers int) {
	n := int64(max(1, peers))
	b.share = room / 2 / n
	b.mostCommon = room - b.share*n
}

// add keeps values of a height that is not forgotten, and at most maxAhead
// above, or gives ErrEarly.
func (b *early) add(from protocol.ShardID, a protocol.AttemptID, values []byte) error {
	list := b.heights[a.Height]
	at, ok := slices.BinarySearchFunc(list, from, func(k kept, s protocol.ShardID) int { return cmp.Compare(k.from, s) })
	if ok {
		switch newer := a.Compare(list[at].attempt); {
		case newer < 0:
			return nil
		case newer > 0:
			b.charge(from, -list[at].bytes)
			list[at] = kept{from: from, attempt: a}
		}
	}
	cost := int64(len(values)) + keptBytes
	if !b.charge(from, cost) {
		return ErrEarly
	}
	if !ok {
		list = slices.Insert(list, at, kept{from: from, attempt: a})
		b.heights[a.Height] = list
	}
	list[at].batches = append(list[at].batches, values)
	list[at].bytes += cost
	return nil
}

// charge changes what a peer uses, unless there is no room for it.
func (b *early) charge(from protocol.ShardID, bytes int64) bool {
	before, after := b.used[from], b.used[from]+bytes
	common := b.common + max(0, after-b.share) - max(0, before-b.share)
	if bytes > 0 && common > b.mostCommon {
		return false
	}
	b.used[from], b.common = after, common
	return true
}

// take gives what came for an attempt, by peer, and forgets it with what came
// for older ones of its height.
func (b *early) take(a protocol.AttemptID) []kept {
	taken := b.remove(a.Height, func(o protocol.AttemptID) bool { return o.Compare(a) <= 0 })
	return slices.DeleteFunc(taken, func(k kept) bool { return k.attempt != a })
}

// outdate forgets what came for the attempts of a height before this one.
func (b *early) outdate(a protocol.AttemptID) {
	b.remove(a.Height, func(o protocol.AttemptID) bool { return o.Compare(a) < 0 })
}

// forget drops everything up to a height. It costs a look at each height that
// is new here, of which no more than maxAhead can have anything, and what is
// dropped.
func (b *early) forget(upTo protocol.Height) {
	for h := b.forgotten + 1; h <= min(upTo, b.forgotten+maxAhead); h++ {
		b.remove(h, func(protocol.AttemptID) bool { return true })
	}
	b.forgotten = max(b.forgotten, upTo)
}

// remove drops attempts of a height, and gives them.
func (b *early) remove(h protocol.Height, which func(protocol.AttemptID) bool) (removed []kept) {
	list := b.heights[h]
	stays := list[:0]
	for _, k := range list {
		if which(k.attempt) {
			b.charge(k.from, -k.bytes)
			removed = append(removed, k)
		} else {
			stays = append(stays, k)
		}
	}
	clear(list[len(stays):])
	if len(stays) == 0 {
		delete(b.heights, h)
	} else {
		b.heights[h] = stays
	}
	return removed
}
