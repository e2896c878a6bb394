package ledger

import (
	"fmt"

	"github.com/holiman/uint256"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Op is one operation of a transaction. Ops are values: they can be compared,
// copied and shared. The zero Op is none, and NewTransaction refuses it.
type Op struct {
	code   opcode
	name   string // account or key
	to     string // of a transfer
	amount uint256.Int
	value  string
}

// Transfer debits from, then credits to, which may be the same account.
func Transfer(from, to string, amount uint256.Int) Op {
	return Op{code: opTransfer, name: from, to: to, amount: amount}
}

// Debit takes amount from an account: insufficient_funds if it has less. An
// account that does not exist has 0.
func Debit(account string, amount uint256.Int) Op {
	return Op{code: opDebit, name: account, amount: amount}
}

// Credit gives amount to an account: overflow if it would have 2^256 or more.
func Credit(account string, amount uint256.Int) Op {
	return Op{code: opCredit, name: account, amount: amount}
}

// Put sets a key. The value is copied.
func Put(key string, value []byte) Op {
	return Op{code: opPut, name: key, value: string(value)}
}

// Delete removes a key, which may be absent.
func Delete(key string) Op { return Op{code: opDelete, name: key} }

// Require holds if the key has exactly this value, which is copied.
func Require(key string, value []byte) Op {
	return Op{code: opRequire, name: key, value: string(value)}
}

// RequireAbsent holds if the key does not exist.
func RequireAbsent(key string) Op { return Op{code: opRequireAbsent, name: key} }

// String spells the operation for people, shortened if it is long.
func (o Op) String() string {
	switch o.code {
	case opTransfer:
		return fmt.Sprintf("transfer %s from %.64q to %.64q", o.amount.Dec(), o.name, o.to)
	case opDebit, opCredit:
		return fmt.Sprintf("%s %.64q %s", o.code, o.name, o.amount.Dec())
	case opPut, opRequire:
		return fmt.Sprintf("%s %.64q %.64q", o.code, o.name, o.value)
	default:
		return fmt.Sprintf("%s %.64q", o.code, o.name)
	}
}

// opcode is the first byte of an operation in a payload.
type opcode uint8

const (
	opTransfer opcode = 1 + iota
	opDebit
	opCredit
	opPut
	opDelete
	opRequire
	opRequireAbsent
	opEnd // first code that means nothing
)

func (c opcode) String() string {
	switch c {
	case opTransfer:
		return "transfer"
	case opDebit:
		return "debit"
	case opCredit:
		return "credit"
	case opPut:
		return "put"
	case opDelete:
		return "delete"
	case opRequire:
		return "require"
	case opRequireAbsent:
		return "require absent"
	}
	return fmt.Sprintf("op %d", uint8(c))
}

func (c opcode) valid() bool      { return c >= opTransfer && c < opEnd }
func (c opcode) onAccount() bool  { return c <= opCredit }
func (c opcode) hasAmount() bool  { return c <= opCredit }
func (c opcode) hasValue() bool   { return c == opPut || c == opRequire }
func (c opcode) isTransfer() bool { return c == opTransfer }

// mode is how the operation uses its keys.
func (c opcode) mode() protocol.Mode {
	switch c {
	case opPut, opDelete:
		return protocol.Write
	case opRequire, opRequireAbsent:
		return protocol.Read
	}
	return protocol.ReadWrite
}

// prefix is how the operation's keys begin.
func (c opcode) prefix() string {
	if c.onAccount() {
		return accountPrefix
	}
	return valuePrefix
}
