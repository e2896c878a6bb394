package ledger

import "math/big"

// Supply is what an operation that was applied adds to the sum of all balances:
// the amount of a credit, less than 0 for a debit, else 0.
func (o Op) Supply() *big.Int {
	switch o.code {
	case opCredit:
		return o.amount.ToBig()
	case opDebit:
		amount := o.amount.ToBig()
		return amount.Neg(amount)
	}
	return new(big.Int)
}
