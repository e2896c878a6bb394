package wire

import (
	"slices"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

const (
	// ChunkBytes is the most data in one frame.
	ChunkBytes = 256 << 10
	// MaxFrameBytes bounds a marshalled frame.
	MaxFrameBytes = ChunkBytes + 64
	// MaxControl bounds a message of the control lane, in bytes.
	MaxControl = maxSmall + 1<<10
)

// Chunk gives the next frame of a message, and what is left of it after that.
// The frame aliases data.
func Chunk(lane Lane, data []byte) (frame *wirepb.Frame, rest []byte) {
	n := min(len(data), ChunkBytes)
	return &wirepb.Frame{Lane: lane, More: n < len(data), Data: data[:n:n]}, data[n:]
}

// Assembler puts messages together from the frames of one session. Its memory
// grows with the bytes that came in, never by a length that somebody claims.
// One goroutine owns it.
type Assembler struct {
	maxMessage    int
	control, bulk parts
	err           error
}

// NewAssembler makes one that refuses messages of more than maxMessage bytes.
func NewAssembler(maxMessage int) *Assembler { return &Assembler{maxMessage: maxMessage} }

// Add takes the next frame, whose data belongs to the assembler from now on.
// If the frame completes a message, that is returned, and belongs to the
// caller; otherwise nil. An error wraps ErrMalformed or ErrTooLarge; after it
// the session cannot go on, and Add returns the same error for ever.
func (a *Assembler) Add(f *wirepb.Frame) (message []byte, err error) {
	if a.err != nil {
		return nil, a.err
	}
	message, a.err = a.add(f)
	if a.err != nil {
		a.control, a.bulk = parts{}, parts{}
	}
	return message, a.err
}

func (a *Assembler) add(f *wirepb.Frame) ([]byte, error) {
	switch lane := f.GetLane(); lane {
	case wirepb.Lane_LANE_HEARTBEAT:
		if len(f.Data) > 0 || f.More {
			return nil, malformed("a heartbeat with data")
		}
		return nil, nil
	case Control:
		return a.control.add(f, min(a.maxMessage, MaxControl))
	case Bulk:
		return a.bulk.add(f, a.maxMessage)
	default:
		return nil, malformed("a frame of lane %d", lane)
	}
}

// parts is the message of one lane, as far as it has come in. Pieces are kept
// as they came, to be copied once, at the end, into as many bytes as they are.
type parts struct {
	pieces [][]byte
	bytes  int
}

// smallPiece is the length below which a piece is copied behind the one before
// it, so that a message of tiny frames costs little more than its bytes.
const smallPiece = 4 << 10

func (p *parts) add(f *wirepb.Frame, most int) ([]byte, error) {
	switch {
	case len(f.Data) == 0:
		return nil, malformed("a frame without data")
	case len(f.Data) > ChunkBytes:
		return nil, tooLarge("a frame of %d bytes, at most %d allowed", len(f.Data), ChunkBytes)
	case p.bytes+len(f.Data) > most:
		return nil, tooLarge("a message of more than %d bytes", most)
	case !f.More && p.bytes == 0:
		return f.Data, nil
	}
	p.keep(f.Data)
	if f.More {
		return nil, nil
	}
	message := slices.Concat(p.pieces...)
	*p = parts{}
	return message, nil
}

func (p *parts) keep(piece []byte) {
	p.bytes += len(piece)
	if last := len(p.pieces) - 1; last >= 0 && (len(piece) < smallPiece || len(p.pieces[last]) < smallPiece) {
		p.pieces[last] = append(p.pieces[last], piece...)
		return
	}
	p.pieces = append(p.pieces, slices.Clip(piece))
}
