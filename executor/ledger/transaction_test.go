package ledger

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
)

// The payload is stored in logs and hashed into block ids: these bytes may
// never change.
func TestGoldenPayloads(t *testing.T) {
	tests := []struct {
		name    string
		ops     []Op
		payload string
		access  string
	}{
		{"transfer", []Op{Transfer("b", "a", amount(31337))}, "01 01 0001 0000 02 7a69", "account/a:3 account/b:3"},
		{"transfer of 0 to oneself", []Op{Transfer("a", "a", amount(0))}, "01 01 0000 0000 00", "account/a:3"},
		{"debit", []Op{Debit("a", amount(1))}, "01 02 0000 01 01", "account/a:3"},
		{"credit of the most", []Op{Credit("a", maxAmount())}, "01 03 0000 20" + strings.Repeat("ff", 32), "account/a:3"},
		{"put", []Op{Put("k", []byte("hi"))}, "01 04 0000 00000002 6869", "kv/k:2"},
		{"put of nothing", []Op{Put("k", nil)}, "01 04 0000 00000000", "kv/k:2"},
		{"delete", []Op{Delete("k")}, "01 05 0000", "kv/k:2"},
		{"require", []Op{Require("k", []byte{0})}, "01 06 0000 00000001 00", "kv/k:1"},
		{"require absent", []Op{RequireAbsent("k")}, "01 07 0000", "kv/k:1"},
		{"several", []Op{Require("k", nil), Transfer("z", "k", amount(256)), Put("k", []byte("x")), Delete("a")},
			"01 06 0003 00000000 01 0001 0000 02 0100 04 0003 00000001 78 05 0002", "account/k:3 account/z:3 kv/a:2 kv/k:3"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			transaction := mustNew(t, test.ops...)
			if got, want := hex.EncodeToString(transaction.Payload), strings.ReplaceAll(test.payload, " ", ""); got != want {
				t.Errorf("payload %s\n   want %s", got, want)
			}
			if got := accessString(transaction); got != test.access {
				t.Errorf("access %s\n  want %s", got, test.access)
			}
			ops, err := Ops(transaction)
			if err != nil || !slices.Equal(ops, test.ops) {
				t.Errorf("read back as %v, error %v", ops, err)
			}
		})
	}
}

func accessString(t protocol.Transaction) string {
	var list []string
	for _, a := range t.Access {
		list = append(list, fmt.Sprintf("%s:%d", a.Key, a.Mode))
	}
	return strings.Join(list, " ")
}

func TestNewTransactionRefuses(t *testing.T) {
	long := strings.Repeat("x", 65535)
	var many []Op
	for i := range 65536 {
		many = append(many, Delete(fmt.Sprint(i)))
	}
	tests := []struct {
		name string
		ops  []Op
		want string
	}{
		{"nothing", nil, "transaction without operations"},
		{"the zero op", []Op{Delete("k"), {}}, "operation 2: unknown op 0"},
		{"no account", []Op{Debit("", amount(1))}, "operation 1: debit: empty account"},
		{"no payee", []Op{Transfer("a", "", amount(1))}, "operation 1: transfer: empty account"},
		{"no key", []Op{Put("", nil)}, "operation 1: put: empty key"},
		{"a long key", []Op{Put(long, nil)}, "operation 1: put: key of 65538 bytes, the most is 65535"},
		{"many keys", many, "transaction with 65536 keys, the most is 65535"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := NewTransaction(test.ops...); err == nil || err.Error() != test.want {
				t.Errorf("error %q, want %q", err, test.want)
			}
		})
	}
	if _, err := NewTransaction(many[:65535]...); err != nil {
		t.Errorf("65535 keys: %v", err)
	}
}

func TestEncoderSharesNothing(t *testing.T) {
	var e Encoder
	first, err := e.Encode([]Op{Transfer("alice", "bob", amount(7))})
	if err != nil {
		t.Fatal(err)
	}
	before := fmt.Sprint(first)
	if _, err := e.Encode([]Op{Put("zzzzzzzzzz", []byte("zzzz")), Delete("y")}); err != nil {
		t.Fatal(err)
	}
	if after := fmt.Sprint(first); after != before {
		t.Errorf("changed by the next use: %s", after)
	}
}

func TestOpString(t *testing.T) {
	for want, op := range map[string]Op{
		`transfer 5 from "a" to "b"`: Transfer("a", "b", amount(5)),
		`debit "a" 5`:                Debit("a", amount(5)),
		`put "k" "v"`:                Put("k", []byte("v")),
		`require absent "k"`:         RequireAbsent("k"),
	} {
		if got := op.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestParseAmount(t *testing.T) {
	most := maxAmount()
	for s, want := range map[string]string{
		"0": "0", "000": "0", "7": "7", "007": "7", most.Dec(): most.Dec(), strings.Repeat("0", 500) + "1": "1",
		"18446744073709551616": "18446744073709551616",
	} {
		if got, err := ParseAmount(s); err != nil || got.Dec() != want {
			t.Errorf("%.80q: %s, %v", s, got.Dec(), err)
		}
	}
	over := "115792089237316195423570985008687907853269984665640564039457584007913129639936"
	for s, want := range map[string]string{
		"": "empty", "+1": "digits", "-1": "digits", " 1": "digits", "1 ": "digits", "1.0": "digits", "1e3": "digits", "0x1": "digits",
		"1_000": "digits", "١": "digits", over: "over 2^256-1", "9" + over: "over 2^256-1", strings.Repeat("9", 78): "over 2^256-1",
	} {
		if _, err := ParseAmount(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80q: %v, want %q", s, err, want)
		}
	}
}

func TestStateKeys(t *testing.T) {
	transaction := mustNew(t, Credit("alice", amount(1)), Put("alice", nil))
	for i, key := range [][]byte{AccountKey("alice"), ValueKey("alice")} {
		if got := transaction.Access[i].Key; string(got) != string(key) {
			t.Errorf("key %s, want %s", got, key)
		}
	}
}
