package ledger

import (
	"errors"
	"fmt"
	"strings"

	"github.com/holiman/uint256"
)

const (
	accountPrefix = "account/"
	valuePrefix   = "kv/"
)

// AccountKey is the state key of an account's balance.
func AccountKey(name string) []byte { return []byte(accountPrefix + name) }

// ValueKey is the state key of a key that Put sets.
func ValueKey(key string) []byte { return []byte(valuePrefix + key) }

var errBalance = errors.New("stored balance is not 1 to 32 bytes without leading zeros")

// Balance reads the value stored under an account key. A key that is absent
// means 0, but a value that is there is never 0.
func Balance(value []byte) (uint256.Int, error) {
	var b uint256.Int
	if len(value) == 0 || len(value) > 32 || value[0] == 0 {
		return b, errBalance
	}
	b.SetBytes(value)
	return b, nil
}

// AppendBalance appends what is stored for a balance: nothing at all for 0,
// for which the key must be absent.
func AppendBalance(dst []byte, balance *uint256.Int) []byte {
	b := balance.Bytes32()
	return append(dst, b[32-balance.ByteLen():]...)
}

// maxDecimalDigits is the length of 2^256-1.
const maxDecimalDigits = 78

// ParseAmount reads decimal digits, 0 to 2^256-1. Leading zeros are accepted
// and mean nothing; a sign, a space, a point or an exponent is not.
func ParseAmount(s string) (uint256.Int, error) {
	var amount uint256.Int
	if s == "" {
		return amount, errors.New("empty amount")
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return amount, fmt.Errorf("amount %.64q is not decimal digits", s)
		}
	}
	digits := strings.TrimLeft(s, "0")
	if digits == "" {
		return amount, nil
	}
	if len(digits) > maxDecimalDigits || amount.SetFromDecimal(digits) != nil {
		return uint256.Int{}, fmt.Errorf("amount %.80s is over 2^256-1", digits)
	}
	return amount, nil
}
