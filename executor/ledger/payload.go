package ledger

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/lockstep-exec/lockstep/protocol"
)

const payloadVersion = 1

// step is an operation as it stands in a payload, which it aliases.
type step struct {
	code   opcode
	key    int // index into the access list: account or key
	to     int // of a transfer
	amount []byte
	value  []byte
}

// steps reads a payload from its start. After a fault it stays at the fault.
type steps struct {
	rest []byte
	bad  bool
}

// stepsOf begins to read; a payload without the version or any step is bad.
func stepsOf(payload []byte) steps {
	if len(payload) < 2 || payload[0] != payloadVersion {
		return steps{bad: true}
	}
	return steps{rest: payload[1:]}
}

// next gives the next step; ok is false at the end and at a fault.
func (r *steps) next() (s step, ok bool) {
	if r.bad || len(r.rest) == 0 {
		return s, false
	}
	s.code = opcode(r.take(1)[0])
	if !s.code.valid() {
		r.bad = true
		return s, false
	}
	s.key = r.index()
	if s.code.isTransfer() {
		s.to = r.index()
	}
	if s.code.hasAmount() {
		s.amount = r.amount()
	}
	if s.code.hasValue() {
		s.value = r.value()
	}
	return s, !r.bad
}

func (r *steps) index() int {
	if b := r.take(2); b != nil {
		return int(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *steps) amount() []byte {
	length := r.take(1)
	if length == nil {
		return nil
	}
	amount := r.take(int(length[0]))
	if len(amount) > 32 || (len(amount) > 0 && amount[0] == 0) {
		r.bad = true
	}
	return amount
}

func (r *steps) value() []byte {
	length := r.take(4)
	if length == nil {
		return nil
	}
	return r.take(int(binary.BigEndian.Uint32(length)))
}

// take gives the next n bytes, or nil at a fault. The length is compared, not
// added to, so that no length can overflow.
func (r *steps) take(n int) []byte {
	if r.bad || n > len(r.rest) {
		r.bad = true
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

// wellFormed reports whether the whole payload can be read and every key it
// names is in the access list and of the right kind.
func wellFormed(payload []byte, access keys) bool {
	r := stepsOf(payload)
	for s, ok := r.next(); ok; s, ok = r.next() {
		if !named(access, s.key, s.code.prefix()) {
			return false
		}
		if s.code.isTransfer() && !named(access, s.to, accountPrefix) {
			return false
		}
	}
	return !r.bad
}

// keys is what well-formedness asks of an access list.
type keys interface {
	Keys() int
	Key(i int) []byte
}

func named(access keys, i int, prefix string) bool {
	if i >= access.Keys() {
		return false
	}
	key := access.Key(i)
	return len(key) > len(prefix) && string(key[:len(prefix)]) == prefix
}

type accessList []protocol.Access

func (a accessList) Keys() int        { return len(a) }
func (a accessList) Key(i int) []byte { return a[i].Key }

// Ops reads a transaction back into its operations, for display and checks. An
// error wraps protocol.ErrMalformed: the machine gives such a transaction the
// outcome invalid.
func Ops(t protocol.Transaction) ([]Op, error) {
	if !wellFormed(t.Payload, accessList(t.Access)) {
		return nil, fmt.Errorf("ledger payload of %d bytes: %w", len(t.Payload), protocol.ErrMalformed)
	}
	var ops []Op
	r := stepsOf(t.Payload)
	for s, ok := r.next(); ok; s, ok = r.next() {
		op := Op{code: s.code, name: nameOf(t, s.code, s.key), value: string(s.value)}
		if s.code.isTransfer() {
			op.to = nameOf(t, s.code, s.to)
		}
		op.amount.SetBytes(s.amount)
		ops = append(ops, op)
	}
	return ops, nil
}

func nameOf(t protocol.Transaction, code opcode, i int) string {
	return string(bytes.TrimPrefix(t.Access[i].Key, []byte(code.prefix())))
}
