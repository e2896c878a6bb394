package protocol

import (
	"bytes"
	"encoding/binary"
)

// WriteOp is one change to the state: set the key to Value, or delete it.
type WriteOp struct {
	Key    []byte
	Value  []byte
	Delete bool
}

// Committed is what a shard knows about its committed height.
type Committed struct {
	Attempt AttemptID // the attempt committed there; zero at height 0
	Digest  Digest    // state digest of this shard
	Root    Digest    // chain root of the cluster
}

// Height is the committed height.
func (c Committed) Height() Height { return c.Attempt.Height }

const deleted = 0xffff_ffff

// EncodeWrites gives the encoding of the writes of a block as they stand in a
// Prepared record: u32 number, then (u16 length of key, key, u32 length of
// value or 2^32-1 for a delete, value) in ascending order of keys.
func EncodeWrites(writes []WriteOp) []byte {
	size := 4
	for _, w := range writes {
		size += 6 + len(w.Key) + len(w.Value)
	}
	w := encoder{buf: make([]byte, 0, size)}
	w.u32(uint32(len(writes)))
	for _, op := range writes {
		w.u16(uint16(len(op.Key))) //nolint:G115 // a key that its transaction declared, decoded with two bytes of length
		w.raw(op.Key)
		if op.Delete {
			w.u32(deleted)
			continue
		}
		w.bytes(op.Value)
	}
	return w.buf
}

// DecodeWrites reads what EncodeWrites wrote. Keys and values alias b.
func DecodeWrites(b []byte) ([]WriteOp, error) {
	r := decoder{buf: b}
	writes := make([]WriteOp, r.count(int(r.u32()), len(b)/6, "writes"))
	for i := range writes {
		writes[i] = decodeWrite(&r)
		if r.err == nil && i > 0 && bytes.Compare(writes[i-1].Key, writes[i].Key) >= 0 {
			r.fail("keys not strictly ascending at write %d", i)
		}
		if r.err != nil {
			break
		}
	}
	return writes, r.done("writes")
}

func decodeWrite(r *decoder) WriteOp {
	op := WriteOp{Key: r.raw(int(r.u16()))}
	n := r.u32()
	if n == deleted {
		op.Delete = true
		return op
	}
	op.Value = r.raw(int(n))
	return op
}

// KeyPrefix gives the first eight bytes of a key as a number. Numbers that
// differ order as the keys do; those of different keys may be equal.
func KeyPrefix(key []byte) uint64 {
	if len(key) >= 8 {
		return binary.BigEndian.Uint64(key)
	}
	var padded [8]byte
	copy(padded[:], key)
	return binary.BigEndian.Uint64(padded[:])
}
