package chaos

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/holiman/uint256"

	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/protocol"
)

const (
	shards         = 4
	accounts       = 4000 // as many as one read may ask for
	openingBalance = 1_000_000
	blockSize      = 1000
	smallEvery     = 8 // every so many blocks there is a small one
)

// plan gives every block of a run by its number, the same whenever it is asked.
type plan struct {
	seed  uint64
	slots protocol.SlotTable
}

// block is one to submit.
type block struct {
	number       uint64
	key          string
	transactions []protocol.Transaction
	across       int // transactions on more than one shard
}

func newPlan(seed uint64) plan { return plan{seed: seed, slots: protocol.EvenSlots(shards)} }

func (p plan) key(number uint64) string { return fmt.Sprintf("chaos/%d/%d", p.seed, number) }

// numberOf gives the number in a key of this plan.
func (p plan) numberOf(key string) (uint64, error) {
	digits, ok := strings.CutPrefix(key, fmt.Sprintf("chaos/%d/", p.seed))
	number, err := strconv.ParseUint(digits, 10, 64)
	if !ok || err != nil || p.key(number) != key {
		return 0, fmt.Errorf("block %q was never submitted", key)
	}
	return number, nil
}

// block makes a block: number 0 fills the accounts, all others move money, with
// some that overdraw, and notes that are put and deleted.
func (p plan) block(number uint64) block {
	b := block{number: number, key: p.key(number)}
	var encoder ledger.Encoder
	add := func(ops ...ledger.Op) {
		t, err := encoder.Encode(ops)
		if err != nil {
			panic(err) // a mistake of this file
		}
		b.transactions = append(b.transactions, t)
		if p.across(t) {
			b.across++
		}
	}
	if number == 0 {
		for i := range accounts {
			add(ledger.Credit(account(i), *uint256.NewInt(openingBalance)))
		}
		return b
	}
	r := rand.New(rand.NewPCG(p.seed, number))
	size := blockSize
	if number%smallEvery == 0 {
		size = 1 + r.IntN(20)
	}
	for range size {
		add(operations(r, number)...)
	}
	return b
}

// operations makes up a transaction.
func operations(r *rand.Rand, number uint64) []ledger.Op {
	a, b, c := account(r.IntN(accounts)), account(r.IntN(accounts)), account(r.IntN(accounts))
	amount := *uint256.NewInt(1 + r.Uint64N(2000))
	note := fmt.Sprintf("note-%d", r.IntN(accounts))
	switch dice := r.IntN(100); {
	case dice == 0:
		return []ledger.Op{ledger.Transfer(a, b, *uint256.NewInt(openingBalance * accounts * 2))} // nobody has that much
	case dice <= 2:
		return []ledger.Op{ledger.Put(note, fmt.Appendf(nil, "block %d", number))}
	case dice == 3:
		return []ledger.Op{ledger.Delete(note)}
	case dice <= 13:
		return []ledger.Op{ledger.Transfer(a, b, amount), ledger.Transfer(b, c, amount), ledger.Put(note, []byte(c))}
	}
	return []ledger.Op{ledger.Transfer(a, b, amount)}
}

// across reports whether a transaction touches more than one shard.
func (p plan) across(t protocol.Transaction) bool {
	for _, a := range t.Access {
		if p.slots.Owner(a.Key) != p.slots.Owner(t.Access[0].Key) {
			return true
		}
	}
	return false
}

func (b block) body() []byte { return protocol.EncodeBody(b.transactions) }

func account(i int) string { return fmt.Sprintf("chaos-%06d", i) }

// accountKeys are the keys of all accounts.
func accountKeys() [][]byte {
	keys := make([][]byte, accounts)
	for i := range keys {
		keys[i] = ledger.AccountKey(account(i))
	}
	return keys
}
