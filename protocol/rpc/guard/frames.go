package guard

import "encoding/binary"

// Frames of HTTP/2 (RFC 9113, section 6), as far as they count here.
const (
	frameData         = 0x0
	frameHeaders      = 0x1
	frameReset        = 0x3
	frameSettings     = 0x4
	framePing         = 0x6
	frameWindowUpdate = 0x8

	flagEndStream = 0x1 // of data and headers
	flagAck       = 0x1 // of settings and pings
	flagPadded    = 0x8

	// Errors with which a server ends streams that nothing is wrong with.
	noError   = 0x0
	cancelled = 0x8

	frameHeadBytes = 9
	prefaceBytes   = 24 // what a client begins with
)

// frame is the head of one.
type frame struct {
	length      int
	kind, flags byte
	stream      uint32
}

func (f frame) has(flag byte) bool { return f.flags&flag != 0 }

// scanner finds the frames in what goes one way over a connection. It judges nothing:
// what is no HTTP/2 at all is for the server to refuse.
type scanner struct {
	skip  int // bytes in front of the first frame
	head  [frameHeadBytes]byte
	have  int // of head
	frame frame
	left  int // of the payload
	pad   int // at the end of it
}

// visitor is told what a scanner finds.
type visitor interface {
	// begins brings the head of each frame.
	begins(frame)
	// content brings what is in a frame, without padding, in one piece or several.
	content(frame, []byte)
	// ends tells that all of a frame was seen.
	ends(frame)
}

func (s *scanner) scan(b []byte, v visitor) {
	n := min(s.skip, len(b))
	s.skip -= n
	b = b[n:]
	for len(b) > 0 {
		if s.have < frameHeadBytes {
			n := copy(s.head[s.have:], b)
			s.have += n
			b = b[n:]
			if s.have < frameHeadBytes {
				return
			}
			s.begin(v)
		}
		n := min(s.left, len(b))
		s.payload(b[:n], v)
		b = b[n:]
		if s.left == 0 {
			v.ends(s.frame)
			s.have = 0
		}
	}
}

func (s *scanner) begin(v visitor) {
	s.frame = frame{
		length: int(s.head[0])<<16 | int(s.head[1])<<8 | int(s.head[2]),
		kind:   s.head[3], flags: s.head[4], stream: binary.BigEndian.Uint32(s.head[5:]) &^ (1 << 31),
	}
	s.left, s.pad = s.frame.length, 0
	v.begins(s.frame)
}

func (s *scanner) payload(b []byte, v visitor) {
	if len(b) > 0 && s.left == s.frame.length && s.frame.kind == frameData && s.frame.has(flagPadded) {
		s.pad = int(b[0])
		b, s.left = b[1:], s.left-1
	}
	if inside := min(len(b), s.left-s.pad); inside > 0 {
		v.content(s.frame, b[:inside])
	}
	s.left -= len(b)
}
