package protocol

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
)

// Digest is 32 bytes: a SHA-256, or a Sum as a big-endian integer.
type Digest [32]byte

func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// IsZero reports whether all bytes are zero, the state digest of an empty shard.
func (d Digest) IsZero() bool { return d == Digest{} }

// Sum is an unsigned 256-bit integer in fixed words, least significant first.
// Addition and subtraction wrap, that is, they work modulo 2^256. The state
// digest of a shard is the Sum of the PairSum of all its pairs; because
// addition commutes, it is kept up to date from the writes alone.
type Sum [4]uint64

// SumOf reads a digest as a big-endian integer.
func SumOf(d Digest) Sum {
	return Sum{
		binary.BigEndian.Uint64(d[24:]),
		binary.BigEndian.Uint64(d[16:]),
		binary.BigEndian.Uint64(d[8:]),
		binary.BigEndian.Uint64(d[0:]),
	}
}

// Digest writes the integer as 32 big-endian bytes.
func (s Sum) Digest() (d Digest) {
	binary.BigEndian.PutUint64(d[24:], s[0])
	binary.BigEndian.PutUint64(d[16:], s[1])
	binary.BigEndian.PutUint64(d[8:], s[2])
	binary.BigEndian.PutUint64(d[0:], s[3])
	return d
}

// Add gives s + t modulo 2^256.
func (s Sum) Add(t Sum) (r Sum) {
	var carry uint64
	for i := range s {
		r[i], carry = bits.Add64(s[i], t[i], carry)
	}
	return r
}

// Sub gives s - t modulo 2^256.
func (s Sum) Sub(t Sum) (r Sum) {
	var borrow uint64
	for i := range s {
		r[i], borrow = bits.Sub64(s[i], t[i], borrow)
	}
	return r
}

// PairSum is what one key/value pair adds to the state digest:
// SHA-256(u32 len(key) || key || u32 len(value) || value), big-endian.
func PairSum(key, value []byte) Sum {
	var small [256]byte
	buf := small[:0]
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(key)))
	buf = append(buf, key...)
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(value)))
	buf = append(buf, value...)
	return SumOf(sha256.Sum256(buf))
}

// ChainRoot links a height to all before it: SHA-256(previous root || u64
// height || block id || u32 number of shards || state digest of shard 0, 1 …).
func ChainRoot(previous Digest, height Height, block Digest, shards []Digest) Digest {
	h := sha256.New()
	h.Write(previous[:])
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(height)))
	h.Write(block[:])
	h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(shards))))
	for _, d := range shards {
		h.Write(d[:])
	}
	return Digest(h.Sum(nil))
}
