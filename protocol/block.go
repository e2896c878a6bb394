package protocol

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
)

// Mode says how a transaction may use a key.
type Mode uint8

const (
	Read  Mode = 1 << iota // the value before the transaction is an input
	Write                  // the transaction may set or delete the key

	ReadWrite = Read | Write
)

// Reads reports whether the value is an input of the transaction.
func (m Mode) Reads() bool { return m&Read != 0 }

// Writes reports whether the transaction may change the key.
func (m Mode) Writes() bool { return m&Write != 0 }

// Access is one line of an access list.
type Access struct {
	Key  []byte
	Mode Mode
}

// Transaction is a client's payload with its access list.
//
// Invariant: keys are not empty and strictly ascending, so none occurs twice.
type Transaction struct {
	Payload []byte
	Access  []Access

	encoded []byte // the canonical bytes it was read from, if any
}

// NewTransaction sorts the access list; a key given twice gets both modes.
func NewTransaction(payload []byte, access []Access) Transaction {
	sorted := slices.Clone(access)
	slices.SortStableFunc(sorted, func(a, b Access) int { return bytes.Compare(a.Key, b.Key) })
	merged := sorted[:0]
	for _, a := range sorted {
		if n := len(merged); n > 0 && bytes.Equal(merged[n-1].Key, a.Key) {
			merged[n-1].Mode |= a.Mode
			continue
		}
		merged = append(merged, a)
	}
	return Transaction{Payload: payload, Access: merged}
}

// Limits bounds what a block may hold. It is part of the cluster's
// configuration record, because an over-long value is an outcome, and outcomes
// must agree on every shard.
type Limits struct {
	KeyBytes           int // longest key
	ValueBytes         int // longest value that a transaction may write
	TransactionKeys    int // longest access list
	BlockBytes         int // longest canonical encoding of a block's transactions
	BlockTransactions  int // most transactions in a block
	TransactionPayload int // longest payload
}

// DefaultLimits are the limits of a new cluster.
func DefaultLimits() Limits {
	return Limits{
		KeyBytes:           1 << 10,
		ValueBytes:         64 << 10,
		TransactionKeys:    4096,
		BlockBytes:         64 << 20,
		BlockTransactions:  1_000_000,
		TransactionPayload: 64 << 20,
	}
}

// Validate refuses limits that the encodings cannot hold.
func (l Limits) Validate() error {
	switch {
	case l.KeyBytes < 1 || l.KeyBytes > 32<<10:
		return fmt.Errorf("key limit of %d bytes, want 1 to 32768", l.KeyBytes)
	case l.ValueBytes < 1 || l.ValueBytes > 16<<20:
		return fmt.Errorf("value limit of %d bytes, want 1 to 16 MiB", l.ValueBytes)
	case l.TransactionKeys < 1 || l.TransactionKeys > 65535:
		return fmt.Errorf("limit of %d keys a transaction, want 1 to 65535", l.TransactionKeys)
	case l.BlockBytes < 1<<10 || l.BlockBytes > 64<<20:
		return fmt.Errorf("block limit of %d bytes, want 1 KiB to 64 MiB", l.BlockBytes)
	case l.BlockTransactions < 1 || l.BlockTransactions > 1_000_000:
		return fmt.Errorf("limit of %d transactions a block, want 1 to 1000000", l.BlockTransactions)
	case l.TransactionPayload < 0 || l.TransactionPayload > 64<<20:
		return fmt.Errorf("payload limit of %d bytes, want 0 to 64 MiB", l.TransactionPayload)
	}
	return nil
}

// Canonical encoding of a block's transactions, the bytes that the block id is
// taken over and that travel from client to shard without being written anew:
//
//	body        = u32 number of transactions, transaction …
//	transaction = u16 number of keys, key …, u32 length of payload, payload
//	key         = u8 mode, u16 length, bytes
//	sub-block   = u32 number of transactions, (u32 index in the block, transaction) …

func (t *Transaction) encode(w *encoder) {
	if t.encoded != nil {
		w.raw(t.encoded)
		return
	}
	w.u16(lengthOrNone(len(t.Access)))
	for _, a := range t.Access {
		w.u8(uint8(a.Mode))
		w.u16(lengthOrNone(len(a.Key)))
		w.raw(a.Key)
	}
	w.bytes(t.Payload)
}

// lengthOrNone gives a length, or 0 for one that two bytes cannot hold: no transaction
// is without keys, and no key is empty, so that decoding fails there. A length cut to
// its low bits would have the rest read as something else.
func lengthOrNone(n int) uint16 {
	if n > math.MaxUint16 {
		return 0
	}
	return uint16(n) //nolint:G115 // compared above
}

// EncodedLen is the number of bytes of the canonical encoding.
func (t *Transaction) EncodedLen() int {
	if t.encoded != nil {
		return len(t.encoded)
	}
	n := 2 + 4 + len(t.Payload)
	for _, a := range t.Access {
		n += 3 + len(a.Key)
	}
	return n
}

// EncodeBody gives the canonical encoding of transactions. DecodeBody refuses that of one
// with over 65,535 keys, or with a key of more bytes.
func EncodeBody(transactions []Transaction) []byte {
	size := 4
	for _, t := range transactions {
		size += t.EncodedLen()
	}
	w := encoder{buf: make([]byte, 0, size)}
	w.u32(uint32(len(transactions)))
	for _, t := range transactions {
		t.encode(&w)
	}
	return w.buf
}

// DecodeBody reads and checks a block's transactions. They alias body.
func DecodeBody(body []byte, limits Limits) ([]Transaction, error) {
	r := decoder{buf: body}
	if len(body) > limits.BlockBytes {
		r.fail("block of %d bytes is over the limit of %d bytes", len(body), limits.BlockBytes)
	}
	n := r.count(int(r.u32()), min(limits.BlockTransactions, len(body)/minTransactionBytes), "transactions in a block")
	d := transactionDecoder{limits: limits}
	transactions := make([]Transaction, n)
	for i := range transactions {
		transactions[i] = d.decode(&r)
		if r.err != nil {
			return nil, fmt.Errorf("transaction %d: %w", i, r.err)
		}
	}
	return transactions, r.done("block")
}

const minTransactionBytes = 2 + 3 + 1 + 4

// transactionDecoder hands out access lists from large shared slices, so that
// a block costs a few allocations instead of one or more per transaction.
type transactionDecoder struct {
	limits Limits
	spare  []Access
}

func (d *transactionDecoder) decode(r *decoder) Transaction {
	start := r.buf
	access := d.take(r.count(int(r.u16()), min(d.limits.TransactionKeys, len(r.buf)/4), "keys in a transaction"))
	if r.err == nil && len(access) == 0 {
		r.fail("no keys declared")
	}
	for i := range access {
		access[i] = d.access(r)
		if r.err == nil && i > 0 && bytes.Compare(access[i-1].Key, access[i].Key) >= 0 {
			r.fail("keys not strictly ascending at key %d", i)
		}
	}
	payload := r.bytes()
	if r.err == nil && len(payload) > d.limits.TransactionPayload {
		r.fail("payload of %d bytes is over the limit of %d bytes", len(payload), d.limits.TransactionPayload)
	}
	return Transaction{Payload: payload, Access: access, encoded: start[: len(start)-len(r.buf) : len(start)-len(r.buf)]}
}

func (d *transactionDecoder) access(r *decoder) Access {
	mode, key := Mode(r.u8()), r.raw(int(r.u16()))
	switch {
	case r.err != nil:
	case mode == 0 || mode > ReadWrite:
		r.fail("access mode %d", mode)
	case len(key) == 0:
		r.fail("empty key")
	case len(key) > d.limits.KeyBytes:
		r.fail("key of %d bytes is over the limit of %d bytes", len(key), d.limits.KeyBytes)
	}
	return Access{Key: key, Mode: mode}
}

func (d *transactionDecoder) take(n int) []Access {
	if n > len(d.spare) {
		d.spare = make([]Access, max(n, 4096))
	}
	taken := d.spare[:n:n]
	d.spare = d.spare[n:]
	return taken
}

// BlockID is the identity of a block's content: SHA-256 over a fixed prefix,
// the block key and the canonical encoding of its transactions. It does not
// depend on the height.
func BlockID(key string, body []byte) Digest {
	h := sha256.New()
	w := encoder{}
	w.raw([]byte("lockstep/block/v1"))
	w.bytes([]byte(key))
	h.Write(w.buf)
	h.Write(body)
	return Digest(h.Sum(nil))
}

// MaxBlockKeyBytes bounds a block key.
const MaxBlockKeyBytes = 1 << 10

// SubTransaction is a transaction with its place in the block.
type SubTransaction struct {
	Index uint32
	Transaction
}

// SubBlock holds the transactions of a block that touch one shard, in block order.
type SubBlock []SubTransaction

// Indexes gives the place in the block of each transaction.
func (s SubBlock) Indexes() []uint32 {
	at := make([]uint32, len(s))
	for i, t := range s {
		at[i] = t.Index
	}
	return at
}

// EncodeSubBlock gives the canonical encoding.
func EncodeSubBlock(s SubBlock) []byte {
	size := 0
	for _, t := range s {
		size += t.EncodedLen()
	}
	w := encoder{buf: make([]byte, 0, 4+4*len(s)+size)}
	w.u32(uint32(len(s)))
	for i := range s {
		w.u32(s[i].Index)
		s[i].encode(&w)
	}
	return w.buf
}

// DecodeSubBlock reads and checks a sub-block. The transactions alias b.
func DecodeSubBlock(b []byte, limits Limits) (SubBlock, error) {
	r := decoder{buf: b}
	n := r.count(int(r.u32()), min(limits.BlockTransactions, len(b)/minTransactionBytes), "transactions in a sub-block")
	d := transactionDecoder{limits: limits}
	s := make(SubBlock, n)
	for i := range s {
		s[i].Index = r.u32()
		s[i].Transaction = d.decode(&r)
		if r.err == nil && i > 0 && s[i].Index <= s[i-1].Index {
			r.fail("transaction indexes not ascending")
		}
		if r.err == nil && int(s[i].Index) >= limits.BlockTransactions {
			r.fail("transaction index %d", s[i].Index)
		}
		if r.err != nil {
			return nil, fmt.Errorf("transaction %d: %w", i, r.err)
		}
	}
	return s, r.done("sub-block")
}
