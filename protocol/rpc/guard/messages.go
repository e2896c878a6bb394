package guard

import (
	"encoding/binary"
	"time"
)

// headBytes are in front of every message of gRPC: a flag and a length.
const headBytes = 5

// incoming is what a client sends on one stream.
type incoming struct {
	born  time.Time // when the call began
	head  [headBytes]byte
	have  int       // of head
	size  int       // of the message, once head is there
	got   int       // of the message
	since time.Time // when it began
	from  int64     // what had come over the connection then

	received, credited int // bytes of data, and what the client was told it may send anew
	held               int // as it was counted last
}

// add takes data, and reports whether it completed a message. total is what has come over
// the connection.
func (i *incoming) add(b []byte, now time.Time, total int64) (complete bool) {
	i.received += len(b)
	for len(b) > 0 {
		if i.have < headBytes {
			if i.have == 0 {
				i.since, i.got, i.from = now, 0, total
			}
			n := copy(i.head[i.have:], b)
			i.have += n
			b = b[n:]
			if i.have < headBytes {
				return complete
			}
			i.size = int(binary.BigEndian.Uint32(i.head[1:]))
		}
		n := min(i.size-i.got, len(b))
		i.got += n
		b = b[n:]
		if i.got == i.size {
			i.have, complete = 0, true
		}
	}
	return complete
}

// bytes is what gRPC holds of it: what is there of an incomplete message, or what was
// not asked for yet. A server gives credit when the call has read something, or in
// advance for a message that it reads.
func (i *incoming) bytes() int {
	return max(i.partial(), i.received-i.credited)
}

// partial is what is there of an incomplete message.
func (i *incoming) partial() int {
	if i.have == 0 {
		return 0
	}
	return i.have + i.got
}

// late reports whether a message has taken too long. While the connection brings what it
// must, only other messages on it keep this one waiting; not for ever, though.
func (i *incoming) late(now time.Time, total int64, l Limits) bool {
	took, allowed := now.Sub(i.since), l.allowed(i.declared())
	if i.have == 0 || took <= allowed {
		return false
	}
	return float64(total-i.from) < took.Seconds()*float64(l.LeastRate) || took > timesShared*allowed
}

// timesShared is how many times as long a message may take that shares its connection.
const timesShared = 10

// declared is how long the message is that stays incomplete; 0 while that is not known.
func (i *incoming) declared() int {
	if i.have < headBytes {
		return 0
	}
	return i.size
}
