package executor

import (
	"bytes"
	"iter"
	"sort"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Tx is one transaction as a Machine sees it: its payload, and the keys of its
// access list, which are named by their index in that list. Keys not in the
// list cannot be named, so what a transaction touches is known before it runs.
//
// A machine that goes beyond the access list breaks a rule: an index out of
// range, a Get without Read mode of a key it has not written, a Put or Delete
// without Write mode, or a Put over the value limit. Then the outcome is
// protocol.OutcomeInvalid, whatever the machine says, and Fault tells why.
//
// The other half is for whoever runs transactions: Reset, SetInput for every
// key with Read mode, Run, Writes; then Reset for the next one. A Tx belongs to
// one goroutine at a time, and after the first few transactions costs it next
// to no allocation.
type Tx struct {
	payload    []byte
	access     []protocol.Access
	cells      []cell // by index into access
	valueBytes int    // longest value that may be written

	fault   string // the first broken rule, or ""
	applied bool   // Run ended with OutcomeApplied

	slab values
}

// cell is the value of one key as the transaction sees it.
type cell struct {
	value []byte
	has   bool // the key is present
	known bool // SetInput, Put or Delete was called: value and has mean something
	wrote bool // Put or Delete was called
}

// NewTx makes a Tx to be used again and again. It must be Reset first. The
// limits are those of the cluster, because an over-long value is an outcome.
func NewTx(limits protocol.Limits) *Tx { return &Tx{valueBytes: limits.ValueBytes} }

// Reset makes tx stand for another transaction, which has no inputs and no
// writes yet. Payload and access list are used in place, not copied.
func (tx *Tx) Reset(t protocol.Transaction) {
	if !tx.applied {
		tx.slab.forget()
	}
	tx.payload, tx.access = t.Payload, t.Access
	if cap(tx.cells) < len(t.Access) {
		tx.cells = make([]cell, len(t.Access))
	}
	tx.cells = tx.cells[:len(t.Access)]
	clear(tx.cells)
	tx.fault, tx.applied = "", false
	tx.slab.begin()
}

// SetInput sets the value of key i before the transaction. The value is used
// in place and never changed. Every key with Read mode needs its input before
// Run, also if it is absent; for other keys it is ignored.
func (tx *Tx) SetInput(i int, value []byte, present bool) {
	if tx.access[i].Mode.Reads() {
		tx.cells[i] = cell{value: value, has: present, known: true}
	}
}

// Payload is what the client sent for the machine. It must not be changed.
func (tx *Tx) Payload() []byte { return tx.payload }

// Keys is the length of the access list.
func (tx *Tx) Keys() int { return len(tx.access) }

// Key gives key i. It must not be changed. Keys are ascending; an index out of
// range gives nil and breaks a rule.
func (tx *Tx) Key(i int) []byte {
	if !tx.inRange(i) {
		return nil
	}
	return tx.access[i].Key
}

// Find gives the index of a key; ok is false if the access list lacks it.
func (tx *Tx) Find(key []byte) (i int, ok bool) {
	return sort.Find(len(tx.access), func(i int) int { return bytes.Compare(key, tx.access[i].Key) })
}

// Get gives the value of key i, with the effects of this transaction so far;
// ok is false if the key is absent. The value must not be changed. It stays as
// it is until Execute returns, also after a later Put.
func (tx *Tx) Get(i int) (value []byte, ok bool) {
	if !tx.inRange(i) {
		return nil, false
	}
	c := &tx.cells[i]
	if !c.wrote && !tx.access[i].Mode.Reads() {
		tx.fail("read of a key that is not declared read")
		return nil, false
	}
	if !c.known {
		panic("executor: transaction run without the input of a key it reads")
	}
	return c.value, c.has
}

// Put sets key i to a copy of value.
func (tx *Tx) Put(i int, value []byte) {
	if !tx.mayWrite(i) {
		return
	}
	if len(value) > tx.valueBytes {
		tx.fail("value over the limit")
		return
	}
	tx.cells[i] = cell{value: tx.slab.keep(value), has: true, known: true, wrote: true}
}

// Delete removes key i, which may be absent.
func (tx *Tx) Delete(i int) {
	if tx.mayWrite(i) {
		tx.cells[i] = cell{known: true, wrote: true}
	}
}

// Fault names the first rule that the machine broke, or is "".
func (tx *Tx) Fault() string { return tx.fault }

// Writes gives, after Run, every change to be kept with its index into the
// access list, in ascending order of keys, each key once. There are none unless
// the outcome was protocol.OutcomeApplied.
//
// The values are never overwritten, so they may be kept without copying. Small
// ones share memory (16 KiB), which lives as long as any one of them: copy what
// is to be kept for long.
func (tx *Tx) Writes() iter.Seq2[int, protocol.WriteOp] {
	return func(yield func(int, protocol.WriteOp) bool) {
		if !tx.applied {
			return
		}
		for i := range tx.cells {
			c := &tx.cells[i]
			if c.wrote && !yield(i, protocol.WriteOp{Key: tx.access[i].Key, Value: c.value, Delete: !c.has}) {
				return
			}
		}
	}
}

// written gives, after Run, what key i holds by a change to be kept.
func (tx *Tx) written(i int) (v value, ok bool) {
	c := &tx.cells[i]
	return value{bytes: c.value, present: c.has}, tx.applied && c.wrote
}

func (tx *Tx) mayWrite(i int) bool {
	if !tx.inRange(i) {
		return false
	}
	if !tx.access[i].Mode.Writes() {
		tx.fail("write of a key that is not declared write")
		return false
	}
	return true
}

func (tx *Tx) inRange(i int) bool {
	if uint(i) >= uint(len(tx.access)) {
		tx.fail("key index out of range")
		return false
	}
	return true
}

func (tx *Tx) fail(rule string) {
	if tx.fault == "" {
		tx.fault = rule
	}
}

const (
	slabBytes  = 16 << 10
	largeBytes = slabBytes / 8 // larger values get memory of their own
)

// values hands out copies of small values from one slab after the other. A
// byte handed out is never written again, unless its transaction is forgotten.
type values struct {
	slab []byte // used part of the current slab
	mark int    // of which before this transaction
}

func (v *values) keep(value []byte) []byte {
	if len(value) > largeBytes {
		return bytes.Clone(value)
	}
	if v.slab == nil || cap(v.slab)-len(v.slab) < len(value) {
		v.slab, v.mark = make([]byte, 0, slabBytes), 0
	}
	at := len(v.slab)
	v.slab = append(v.slab, value...)
	return v.slab[at:len(v.slab):len(v.slab)]
}

// begin marks the start of a transaction, and forget takes back what it used.
func (v *values) begin()  { v.mark = len(v.slab) }
func (v *values) forget() { v.slab = v.slab[:v.mark] }
