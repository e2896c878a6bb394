package replica

import (
	"encoding/binary"
	"fmt"

	"github.com/lockstep-exec/lockstep/protocol"
)

// entryVersion begins every entry.
const entryVersion = 1

// Mark is a place in the sequence of entries: the incarnation that appended
// last, and how many entries it has appended.
type Mark struct {
	Epoch  protocol.Epoch
	Number uint64 // from 1; 0 with epoch 0 before the first entry
}

// Entry is what an incarnation appends in one piece.
//
// It says which entry it builds on, so that it counts there and nowhere else:
// whatever an incarnation appended before is applied too, nothing of another one
// stands between, and an entry of a deposed incarnation changes nothing, however
// late it is committed. The first entry of an incarnation claims its epoch; it
// builds on what the new coordinator has read.
type Entry struct {
	At, After Mark
	Items     []Item
}

// An encoded entry, big-endian:
//
//	u8   version, 1
//	u64  epoch
//	u64  number within the epoch
//	u64  epoch of the entry before it
//	u64  number of the entry before it
//	     items: u8 type, u32 length, bytes
const entryHead = 1 + 4*8

const itemHead = 1 + 4

// Encode gives the bytes of an entry.
func (e Entry) Encode() []byte {
	size := entryHead
	for _, item := range e.Items {
		size += itemHead + roomFor(item)
	}
	b := append(make([]byte, 0, size), entryVersion)
	for _, v := range []uint64{uint64(e.At.Epoch), e.At.Number, uint64(e.After.Epoch), e.After.Number} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	for _, item := range e.Items {
		head := len(b)
		b = appendItem(append(b, make([]byte, itemHead)...), item)
		b[head] = uint8(typeOf(item))
		binary.BigEndian.PutUint32(b[head+1:], uint32(len(b)-head-itemHead))
	}
	return b
}

// DecodeEntry reads what Encode wrote. Byte slices in the result alias b.
func DecodeEntry(b []byte) (Entry, error) {
	if len(b) < entryHead || b[0] != entryVersion {
		return Entry{}, fmt.Errorf("%w: an entry of %d bytes without a known head", protocol.ErrMalformed, len(b))
	}
	var v [4]uint64
	for i := range v {
		v[i] = binary.BigEndian.Uint64(b[1+8*i:])
	}
	e := Entry{At: Mark{protocol.Epoch(v[0]), v[1]}, After: Mark{protocol.Epoch(v[2]), v[3]}}
	b = b[entryHead:]
	for len(b) > 0 {
		if len(b) < itemHead || uint64(len(b)-itemHead) < uint64(binary.BigEndian.Uint32(b[1:])) {
			return Entry{}, fmt.Errorf("%w: an entry that ends within a record", protocol.ErrMalformed)
		}
		end := itemHead + int(binary.BigEndian.Uint32(b[1:]))
		item, err := decodeItem(protocol.RecordType(b[0]), b[itemHead:end:end])
		if err != nil {
			return Entry{}, err
		}
		e.Items = append(e.Items, item)
		b = b[end:]
	}
	return e, nil
}
