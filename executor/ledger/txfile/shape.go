package txfile

import (
	"math/bits"

	"github.com/lockstep-exec/lockstep/executor/ledger"
)

// field is a set of fields of an op, one bit each.
type field uint16

const (
	fieldOp field = 1 << iota
	fieldFrom
	fieldTo
	fieldAccount
	fieldAmount
	fieldKey
	fieldValue
	fieldBase64
	fieldAbsent

	content = fieldValue | fieldBase64 | fieldAbsent // of which an op has at most one
)

var fieldNames = [...]string{"op", "from", "to", "account", "amount", "key", "value", "value_base64", "absent"}

func fieldOf(name []byte) field {
	switch string(name) {
	case "op":
		return fieldOp
	case "from":
		return fieldFrom
	case "to":
		return fieldTo
	case "account":
		return fieldAccount
	case "amount":
		return fieldAmount
	case "key":
		return fieldKey
	case "value":
		return fieldValue
	case "value_base64":
		return fieldBase64
	case "absent":
		return fieldAbsent
	}
	return 0
}

// first gives the name of the first field of a set.
func first(set field) string { return fieldNames[bits.TrailingZeros16(uint16(set))] }

// shape is what an op of one name looks like.
type shape struct {
	name   string
	needs  field // all of these
	oneOf  field // and, if not empty, exactly one of these
	fields string
	build  func(*opReader) ledger.Op
}

var shapes = []shape{
	{"transfer", fieldFrom | fieldTo | fieldAmount, 0, "from, to and amount",
		func(r *opReader) ledger.Op { return ledger.Transfer(r.from, r.to, r.amount) }},
	{"debit", fieldAccount | fieldAmount, 0, "account and amount",
		func(r *opReader) ledger.Op { return ledger.Debit(r.account, r.amount) }},
	{"credit", fieldAccount | fieldAmount, 0, "account and amount",
		func(r *opReader) ledger.Op { return ledger.Credit(r.account, r.amount) }},
	{"put", fieldKey, fieldValue | fieldBase64, "key, and value or value_base64",
		func(r *opReader) ledger.Op { return ledger.Put(r.key, r.value) }},
	{"delete", fieldKey, 0, "key",
		func(r *opReader) ledger.Op { return ledger.Delete(r.key) }},
	{"require", fieldKey, content, `key, and value, value_base64 or "absent":true`, requirement},
}

const opNames = "transfer, debit, credit, put, delete or require"

func requirement(r *opReader) ledger.Op {
	if r.seen&fieldAbsent != 0 {
		return ledger.RequireAbsent(r.key)
	}
	return ledger.Require(r.key, r.value)
}
