package ledger

import (
	"bytes"

	"github.com/holiman/uint256"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
)

// Outcomes of the ledger, besides applied and invalid.
const (
	OutcomeInsufficientFunds = "insufficient_funds"
	OutcomeOverflow          = "overflow"
	OutcomeRequirementFailed = "requirement_failed"
)

// Machine runs ledger transactions. It has no state; the zero value is ready
// and may be used from any number of goroutines.
type Machine struct{}

var _ executor.Machine = Machine{}

// Execute runs the operations in order, up to the first that fails.
//
// The payload is checked as a whole before anything runs, so whether it is
// invalid does not depend on the state.
func (Machine) Execute(tx *executor.Tx) string {
	if !wellFormed(tx.Payload(), tx) {
		return protocol.OutcomeInvalid
	}
	r := stepsOf(tx.Payload())
	for s, ok := r.next(); ok; s, ok = r.next() {
		if outcome := s.run(tx); outcome != protocol.OutcomeApplied {
			return outcome
		}
	}
	return protocol.OutcomeApplied
}

func (s *step) run(tx *executor.Tx) string {
	switch s.code {
	case opTransfer:
		if outcome := debit(tx, s.key, s.amount); outcome != protocol.OutcomeApplied {
			return outcome
		}
		return credit(tx, s.to, s.amount)
	case opDebit:
		return debit(tx, s.key, s.amount)
	case opCredit:
		return credit(tx, s.key, s.amount)
	case opPut:
		tx.Put(s.key, s.value)
	case opDelete:
		tx.Delete(s.key)
	case opRequire:
		value, ok := tx.Get(s.key)
		return require(ok && bytes.Equal(value, s.value))
	case opRequireAbsent:
		_, ok := tx.Get(s.key)
		return require(!ok)
	}
	return protocol.OutcomeApplied
}

func require(holds bool) string {
	if holds {
		return protocol.OutcomeApplied
	}
	return OutcomeRequirementFailed
}

func debit(tx *executor.Tx, account int, amount []byte) string {
	var a uint256.Int
	a.SetBytes(amount)
	balance, ok := load(tx, account)
	if !ok {
		return protocol.OutcomeInvalid
	}
	if _, below := balance.SubOverflow(&balance, &a); below {
		return OutcomeInsufficientFunds
	}
	return store(tx, account, &balance, amount)
}

func credit(tx *executor.Tx, account int, amount []byte) string {
	var a uint256.Int
	a.SetBytes(amount)
	balance, ok := load(tx, account)
	if !ok {
		return protocol.OutcomeInvalid
	}
	if _, above := balance.AddOverflow(&balance, &a); above {
		return OutcomeOverflow
	}
	return store(tx, account, &balance, amount)
}

// load gives the balance of an account; ok is false if what is stored is none.
func load(tx *executor.Tx, account int) (balance uint256.Int, ok bool) {
	value, present := tx.Get(account)
	if !present {
		return balance, true
	}
	balance, err := Balance(value)
	return balance, err == nil
}

// store writes the balance back, unless the amount was 0 and changed nothing.
func store(tx *executor.Tx, account int, balance *uint256.Int, amount []byte) string {
	switch {
	case len(amount) == 0:
	case balance.IsZero():
		tx.Delete(account)
	default:
		var buf [32]byte
		tx.Put(account, AppendBalance(buf[:0], balance))
	}
	return protocol.OutcomeApplied
}
