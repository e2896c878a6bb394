package guard

import (
	"encoding/binary"
	"time"
)

// headBytes are in front of every message of gRPC: a flag and a length.
const headBytes = 5

// incoming is what a client sends on one stream.
type incoming struct {
	head  [headBytes]byte
	have  int       // of head
	size  int       // of the message, once head is there
	got   int       // of the message
	since time.Time // when it began

	received, credited int // bytes of data, and what the client was told it may send anew
	held               int // as it was counted last
}

// add takes data, and reports whether it completed a message.
func (i *incoming) add(b []byte, now time.Time) (complete bool) {
	i.received += len(b)
	for len(b) > 0 {
		if i.have < headBytes {
			if i.have == 0 {
				i.since, i.got = now, 0
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

// late reports whether a message has taken too long.
func (i *incoming) late(now time.Time, l Limits) bool {
	return i.have > 0 && now.Sub(i.since) > l.allowed(i.declared())
}

// declared is how long the message is that stays incomplete; 0 while that is not known.
func (i *incoming) declared() int {
	if i.have < headBytes {
		return 0
	}
	return i.size
}
