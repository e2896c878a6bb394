package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/lockstep-exec/lockstep/protocol"
)

// NewTransaction puts operations together: the payload, and the access list
// with the mode that each key needs. It refuses no operations, an empty account
// or key, and what the encoding cannot hold (65535 keys, 65535 bytes a key). A
// cluster's own limits are lower; they are not checked here.
func NewTransaction(ops ...Op) (protocol.Transaction, error) {
	return new(Encoder).Encode(ops)
}

// Encoder does what NewTransaction does and reuses its working memory. The zero
// value is ready. It belongs to one goroutine at a time.
type Encoder struct {
	text  []byte   // the keys of all uses, one after the other
	uses  []use    // in the order of the operations
	order []int    // indexes into uses, by key
	index []uint16 // by use: where its key is in the access list
}

// use is one operation's use of one key.
type use struct {
	start, end int // of the key in text
	mode       protocol.Mode
}

// Encode makes a transaction. It keeps nothing of ops, and the transaction
// shares nothing with the Encoder.
func (e *Encoder) Encode(ops []Op) (protocol.Transaction, error) {
	if len(ops) == 0 {
		return protocol.Transaction{}, errors.New("transaction without operations")
	}
	e.text, e.uses = e.text[:0], e.uses[:0]
	for i := range ops {
		if err := e.collect(&ops[i]); err != nil {
			return protocol.Transaction{}, fmt.Errorf("operation %d: %w", i+1, err)
		}
	}
	access := e.accessList()
	if len(access) > math.MaxUint16 {
		return protocol.Transaction{}, fmt.Errorf("transaction with %d keys, the most is %d", len(access), math.MaxUint16)
	}
	return protocol.Transaction{Payload: e.payload(ops), Access: access}, nil
}

func (e *Encoder) collect(o *Op) error {
	if !o.code.valid() {
		return fmt.Errorf("unknown %s", o.code)
	}
	if uint64(len(o.value)) > math.MaxUint32 {
		return fmt.Errorf("%s: value of %d bytes", o.code, len(o.value))
	}
	if err := e.use(o.code, o.name); err != nil {
		return err
	}
	if o.code.isTransfer() {
		return e.use(o.code, o.to)
	}
	return nil
}

func (e *Encoder) use(code opcode, name string) error {
	if name == "" && code.onAccount() {
		return fmt.Errorf("%s: empty account", code)
	}
	if name == "" {
		return fmt.Errorf("%s: empty key", code)
	}
	start := len(e.text)
	e.text = append(append(e.text, code.prefix()...), name...)
	if n := len(e.text) - start; n > math.MaxUint16 {
		return fmt.Errorf("%s: key of %d bytes, the most is %d", code, n, math.MaxUint16)
	}
	e.uses = append(e.uses, use{start: start, end: len(e.text), mode: code.mode()})
	return nil
}

func (e *Encoder) key(use int) []byte { return e.text[e.uses[use].start:e.uses[use].end] }

// accessList sorts the uses, joins those of one key, and notes in index which
// line of the list each use became.
func (e *Encoder) accessList() []protocol.Access {
	distinct, size := e.sort()
	text := make([]byte, 0, size)
	access := make([]protocol.Access, 0, distinct)
	e.index = slices.Grow(e.index[:0], len(e.uses))[:len(e.uses)]
	for _, u := range e.order {
		key := e.key(u)
		if n := len(access); n == 0 || !bytes.Equal(access[n-1].Key, key) {
			start := len(text)
			text = append(text, key...)
			access = append(access, protocol.Access{Key: text[start:len(text):len(text)]})
		}
		access[len(access)-1].Mode |= e.uses[u].mode
		e.index[u] = uint16(len(access) - 1) //nolint:G115 // a transaction with more keys is refused
	}
	return access
}

// sort orders the uses by key, and counts the distinct keys and their bytes.
func (e *Encoder) sort() (distinct, size int) {
	e.order = e.order[:0]
	for u := range e.uses {
		e.order = append(e.order, u)
	}
	slices.SortFunc(e.order, func(a, b int) int { return bytes.Compare(e.key(a), e.key(b)) })
	for i, u := range e.order {
		if i == 0 || !bytes.Equal(e.key(e.order[i-1]), e.key(u)) {
			distinct++
			size += len(e.key(u))
		}
	}
	return distinct, size
}

func (e *Encoder) payload(ops []Op) []byte {
	size, u := 1, 0
	for i := range ops {
		size += ops[i].encodedLen()
	}
	p := append(make([]byte, 0, size), payloadVersion)
	for i := range ops {
		o := &ops[i]
		p = append(p, byte(o.code))
		p = binary.BigEndian.AppendUint16(p, e.index[u])
		u++
		if o.code.isTransfer() {
			p = binary.BigEndian.AppendUint16(p, e.index[u])
			u++
		}
		p = o.appendOperand(p)
	}
	return p
}

// appendOperand appends the amount or value, if the operation has one.
func (o *Op) appendOperand(p []byte) []byte {
	switch {
	case o.code.hasAmount():
		p = append(p, byte(o.amount.ByteLen())) //nolint:G115 // at most 32 bytes
		return AppendBalance(p, &o.amount)
	case o.code.hasValue():
		p = binary.BigEndian.AppendUint32(p, uint32(len(o.value)))
		return append(p, o.value...)
	}
	return p
}

func (o *Op) encodedLen() int {
	n := 1 + 2
	if o.code.isTransfer() {
		n += 2
	}
	if o.code.hasAmount() {
		n += 1 + o.amount.ByteLen()
	}
	if o.code.hasValue() {
		n += 4 + len(o.value)
	}
	return n
}
