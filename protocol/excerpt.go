package protocol

import (
	"encoding/binary"
	"fmt"
)

// Excerpt is a sub-block that is not written out: it says which transactions of a
// block's body it holds. The excerpts of all shards share the body, so what a block
// takes in memory does not grow with the number of shards that its transactions touch.
// It never changes, and is safe for concurrent use. nil is one of no bytes.
type Excerpt struct {
	body    []byte
	ends    []uint32 // in the body, of every transaction of the block
	indexes []uint32 // of those that it holds
	bytes   int
}

// Excerpts gives the sub-blocks of a block, each of the transactions at its indexes,
// which ascend. body is the encoding of all transactions, as of EncodeBody. The
// excerpts keep both.
func Excerpts(body []byte, transactions []Transaction, indexes [][]uint32) []*Excerpt {
	ends := make([]uint32, len(transactions))
	end := bodyHead
	for i := range transactions {
		end += transactions[i].EncodedLen()
		ends[i] = uint32(end)
	}
	if end != len(body) {
		panic(fmt.Sprintf("a body of %d bytes is not that of transactions of %d", len(body), end))
	}
	excerpts := make([]*Excerpt, len(indexes))
	for n, at := range indexes {
		x := &Excerpt{body: body, ends: ends, indexes: at, bytes: 4 + 4*len(at)}
		for _, i := range at {
			x.bytes += transactions[i].EncodedLen()
		}
		excerpts[n] = x
	}
	return excerpts
}

// bodyHead is what the encoding of a body holds before its transactions.
const bodyHead = 4

// Len is the number of bytes of the encoding.
func (x *Excerpt) Len() int {
	if x == nil {
		return 0
	}
	return x.bytes
}

// Bytes gives the encoding, as of EncodeSubBlock.
func (x *Excerpt) Bytes() []byte {
	if x == nil {
		return nil
	}
	b := make([]byte, x.bytes)
	r := x.Reader()
	r.Fill(b)
	return b
}

// transaction gives the bytes of one in the body.
func (x *Excerpt) transaction(i uint32) []byte {
	start := uint32(bodyHead)
	if i > 0 {
		start = x.ends[i-1]
	}
	return x.body[start:x.ends[i]]
}

// Reader hands the encoding out from its beginning.
func (x *Excerpt) Reader() ExcerptReader {
	r := ExcerptReader{from: x}
	if x != nil {
		r.number(uint32(len(x.indexes)))
	}
	return r
}

// ExcerptReader hands the encoding of an excerpt out piece by piece. One goroutine
// owns it.
type ExcerptReader struct {
	from   *Excerpt
	next   int     // among the indexes
	digits [4]byte // a number, of which so many bytes are left
	left   int
	rest   []byte // of a transaction, behind its number
}

func (r *ExcerptReader) number(n uint32) {
	binary.BigEndian.PutUint32(r.digits[:], n)
	r.left = len(r.digits)
}

// Fill writes the next bytes, as many as there is room for, and tells how many: fewer
// than that at the end.
func (r *ExcerptReader) Fill(b []byte) (n int) {
	for n < len(b) {
		switch {
		case r.left > 0:
			copied := copy(b[n:], r.digits[len(r.digits)-r.left:])
			r.left -= copied
			n += copied
		case len(r.rest) > 0:
			copied := copy(b[n:], r.rest)
			r.rest = r.rest[copied:]
			n += copied
		case r.from != nil && r.next < len(r.from.indexes):
			i := r.from.indexes[r.next]
			r.next++
			r.number(i)
			r.rest = r.from.transaction(i)
		default:
			return n
		}
	}
	return n
}
