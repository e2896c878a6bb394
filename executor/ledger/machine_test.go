package ledger

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/holiman/uint256"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
)

func amount(n uint64) uint256.Int { return *uint256.NewInt(n) }

func maxAmount() uint256.Int {
	var a uint256.Int
	a.Not(&a)
	return a
}

func mustNew(t testing.TB, ops ...Op) protocol.Transaction {
	t.Helper()
	transaction, err := NewTransaction(ops...)
	if err != nil {
		t.Fatal(err)
	}
	return transaction
}

// dump spells the whole state out, balances as decimal numbers.
func dump(t testing.TB, s *executor.Sequential) string {
	t.Helper()
	var b strings.Builder
	for key, value := range s.All() {
		if strings.HasPrefix(key, accountPrefix) {
			balance, err := Balance(value)
			if err != nil {
				t.Fatalf("%s: %v", key, err)
			}
			value = []byte(balance.Dec())
		}
		fmt.Fprintf(&b, "%s=%s ", key, value)
	}
	return strings.TrimSpace(b.String())
}

// Every case starts with alice=10, rich=2^256-1 and kv/k=v.
func TestOperations(t *testing.T) {
	most := maxAmount()
	start := []Op{Credit("alice", amount(10)), Credit("rich", most), Put("k", []byte("v"))}
	richAndKey := "account/rich=" + most.Dec() + " kv/k=v"
	unchanged := "account/alice=10 " + richAndKey
	tests := []struct {
		name    string
		ops     []Op
		outcome string
		state   string
	}{
		{"transfer", []Op{Transfer("alice", "bob", amount(3))}, "applied", "account/alice=7 account/bob=3 " + richAndKey},
		{"transfer of all leaves no key", []Op{Transfer("alice", "bob", amount(10))}, "applied", "account/bob=10 " + richAndKey},
		{"transfer of too much", []Op{Transfer("alice", "bob", amount(11))}, "insufficient_funds", unchanged},
		{"transfer from nobody", []Op{Transfer("carol", "bob", amount(1))}, "insufficient_funds", unchanged},
		{"transfer of 0 from nobody", []Op{Transfer("carol", "bob", amount(0))}, "applied", unchanged},
		{"transfer to the full", []Op{Transfer("alice", "rich", amount(1))}, "overflow", unchanged},
		{"transfer of 0 to the full", []Op{Transfer("alice", "rich", amount(0))}, "applied", unchanged},
		{"transfer to oneself", []Op{Transfer("alice", "alice", amount(10))}, "applied", unchanged},
		{"transfer of too much to oneself", []Op{Transfer("alice", "alice", amount(11))}, "insufficient_funds", unchanged},
		{"the full to itself", []Op{Transfer("rich", "rich", most)}, "applied", unchanged},

		{"debit", []Op{Debit("alice", amount(4))}, "applied", "account/alice=6 " + richAndKey},
		{"debit of all", []Op{Debit("alice", amount(10))}, "applied", richAndKey},
		{"debit of too much", []Op{Debit("alice", amount(11))}, "insufficient_funds", unchanged},
		{"debit of the most", []Op{Debit("rich", most)}, "applied", "account/alice=10 kv/k=v"},
		{"debit of 0 from nobody", []Op{Debit("carol", amount(0))}, "applied", unchanged},
		{"debits see each other", []Op{Debit("alice", amount(6)), Debit("alice", amount(6))}, "insufficient_funds", unchanged},

		{"credit", []Op{Credit("bob", amount(256))}, "applied", "account/alice=10 account/bob=256 " + richAndKey},
		{"credit of 0 makes no key", []Op{Credit("bob", amount(0))}, "applied", unchanged},
		{"credit over the most", []Op{Credit("rich", amount(1))}, "overflow", unchanged},
		{"credit up to the most", []Op{Debit("rich", amount(5)), Credit("rich", amount(5))}, "applied", unchanged},
		{"credit, then debit of it", []Op{Credit("bob", amount(5)), Debit("bob", amount(5))}, "applied", unchanged},

		{"put", []Op{Put("new", []byte("x"))}, "applied", unchanged + " kv/new=x"},
		{"put over", []Op{Put("k", []byte("w"))}, "applied", "account/alice=10 account/rich=" + most.Dec() + " kv/k=w"},
		{"put of nothing is there", []Op{Put("e", nil), Require("e", nil)}, "applied", "account/alice=10 account/rich=" + most.Dec() + " kv/e= kv/k=v"},
		{"put of the longest value", []Op{Put("k", make([]byte, 64<<10)), Put("k", []byte("v"))}, "applied", unchanged},
		{"put of too long a value", []Op{Put("k", make([]byte, 64<<10+1))}, "invalid", unchanged},

		{"delete", []Op{Delete("k")}, "applied", "account/alice=10 account/rich=" + most.Dec()},
		{"delete of nothing", []Op{Delete("none")}, "applied", unchanged},
		{"delete, then put", []Op{Delete("k"), Put("k", []byte("w")), Put("k", []byte("v"))}, "applied", unchanged},

		{"require", []Op{Require("k", []byte("v"))}, "applied", unchanged},
		{"require of another value", []Op{Require("k", []byte("w"))}, "requirement_failed", unchanged},
		{"require of a prefix", []Op{Require("k", nil)}, "requirement_failed", unchanged},
		{"require of an absent key", []Op{Require("none", nil)}, "requirement_failed", unchanged},
		{"require absent", []Op{RequireAbsent("none")}, "applied", unchanged},
		{"require absent of a key", []Op{RequireAbsent("k")}, "requirement_failed", unchanged},
		{"require sees puts", []Op{Put("k", []byte("w")), Require("k", []byte("w")), Put("k", []byte("v"))}, "applied", unchanged},
		{"require sees deletes", []Op{Delete("k"), RequireAbsent("k"), Put("k", []byte("v"))}, "applied", unchanged},
		{"kv is not account", []Op{RequireAbsent("alice")}, "applied", unchanged},

		{"nothing of a failure is kept", []Op{Put("k", []byte("w")), Credit("bob", amount(1)), Debit("bob", amount(2))}, "insufficient_funds", unchanged},
		{"the first failure counts", []Op{Require("k", []byte("w")), Debit("alice", amount(11))}, "requirement_failed", unchanged},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := executor.NewSequential(Machine{}, protocol.DefaultLimits())
			block := []protocol.Transaction{mustNew(t, start...), mustNew(t, test.ops...)}
			outcomes, err := s.Execute(block)
			if err != nil || outcomes.At(0) != "applied" {
				t.Fatalf("start %q, error %v", outcomes.At(0), err)
			}
			if outcomes.At(1) != test.outcome {
				t.Errorf("outcome %q, want %q", outcomes.At(1), test.outcome)
			}
			if got := dump(t, s); got != test.state {
				t.Errorf("state %s\n want %s", got, test.state)
			}
		})
	}
}

// execute runs one transaction alone, on inputs given by key.
func execute(t testing.TB, transaction protocol.Transaction, state map[string][]byte) string {
	t.Helper()
	tx := executor.NewTx(protocol.DefaultLimits())
	tx.Reset(transaction)
	for i, a := range transaction.Access {
		value, ok := state[string(a.Key)]
		tx.SetInput(i, value, ok)
	}
	outcome, err := executor.Run(Machine{}, tx)
	if err != nil {
		t.Fatal(err)
	}
	return outcome
}

func TestMalformedBalanceIsInvalid(t *testing.T) {
	balances := map[string][]byte{
		"empty": {}, "zero": {0}, "leading zero": {0, 1}, "33 bytes": bytes.Repeat([]byte{1}, 33), "huge": make([]byte, 64<<10),
	}
	ops := []Op{Debit("a", amount(0)), Credit("a", amount(1)), Transfer("a", "b", amount(0)), Transfer("b", "a", amount(0))}
	for name, balance := range balances {
		for _, op := range ops {
			if got := execute(t, mustNew(t, op), map[string][]byte{"account/a": balance}); got != "invalid" {
				t.Errorf("%s: %v: outcome %q", name, op, got)
			}
		}
	}
}

// The access list comes from the client as well as the payload, so it may not
// fit: that is an outcome, and never reaches across the two kinds of keys.
func TestForeignAccessListsAreInvalid(t *testing.T) {
	transfer, put := mustNew(t, Transfer("a", "b", amount(0))), mustNew(t, Put("k", []byte("x")))
	access := func(mode protocol.Mode, keys ...string) (list []protocol.Access) {
		for _, key := range keys {
			list = append(list, protocol.Access{Key: []byte(key), Mode: mode})
		}
		return list
	}
	tests := []struct {
		name    string
		payload []byte
		access  []protocol.Access
		outcome string
	}{
		{"fits", transfer.Payload, access(protocol.ReadWrite, "account/a", "account/b", "other"), "applied"},
		{"too short", transfer.Payload, access(protocol.ReadWrite, "account/a"), "invalid"},
		{"none", transfer.Payload, nil, "invalid"},
		{"balance not read", transfer.Payload, access(protocol.Write, "account/a", "account/b"), "invalid"},
		{"transfer of kv", transfer.Payload, access(protocol.ReadWrite, "kv/a", "kv/b"), "invalid"},
		{"transfer to kv", transfer.Payload, access(protocol.ReadWrite, "account/a", "kv/b"), "invalid"},
		{"no name", transfer.Payload, access(protocol.ReadWrite, "account/", "account/b"), "invalid"},
		{"put to account", put.Payload, access(protocol.Write, "account/a"), "invalid"},
		{"put to another kind", put.Payload, access(protocol.Write, "kvx"), "invalid"},
		{"put to a read key", put.Payload, access(protocol.Read, "kv/k"), "invalid"},
		{"put to a written key", put.Payload, access(protocol.Write, "kv/k"), "applied"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			transaction := protocol.NewTransaction(test.payload, test.access)
			if got := execute(t, transaction, nil); got != test.outcome {
				t.Errorf("outcome %q, want %q", got, test.outcome)
			}
		})
	}
}

// A payload that is malformed at its end is invalid, also where an operation
// before that would have failed.
func TestMalformedBeatsOtherFailures(t *testing.T) {
	transaction := mustNew(t, Debit("a", amount(1)))
	transaction.Payload = append(transaction.Payload, 0xff)
	if got := execute(t, transaction, nil); got != "invalid" {
		t.Errorf("outcome %q", got)
	}
}
