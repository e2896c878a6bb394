package ledger

import (
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

// twoOfEach declares account/a, account/b, kv/k and kv/l, all read and write.
func twoOfEach(payload []byte) protocol.Transaction {
	var access []protocol.Access
	for _, key := range []string{"account/a", "account/b", "kv/k", "kv/l"} {
		access = append(access, protocol.Access{Key: []byte(key), Mode: protocol.ReadWrite})
	}
	return protocol.NewTransaction(payload, access)
}

func TestMalformedPayloads(t *testing.T) {
	for name, payload := range map[string]string{
		"empty":                    "",
		"no operation":             "01",
		"version 0":                "00 05 0002",
		"version 2":                "02 05 0002",
		"code 0":                   "01 00 0002",
		"code after the last":      "01 08 0002",
		"cut in the index":         "01 05 00",
		"cut in the second index":  "01 01 0000 00",
		"no amount":                "01 02 0000",
		"cut in the amount":        "01 02 0000 02 01",
		"amount with leading zero": "01 02 0000 02 0001",
		"amount zero as a byte":    "01 02 0000 01 00",
		"amount of 33 bytes":       "01 02 0000 21" + strings.Repeat("01", 33),
		"no value":                 "01 04 0002",
		"cut in the value":         "01 04 0002 00000002 61",
		"value of 2^32-1 bytes":    "01 04 0002 ffffffff 61",
		"index out of range":       "01 05 0004",
		"second out of range":      "01 01 0000 0004 00",
		"trailing byte":            "01 05 0002 00",
		"trailing half":            "01 05 0002 05 00",
		"debit of kv":              "01 02 0002 00",
		"put to account":           "01 04 0000 00000000",
		"require of account":       "01 06 0000 00000000",
	} {
		t.Run(name, func(t *testing.T) {
			payload, err := hex.DecodeString(strings.ReplaceAll(payload, " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			if got := execute(t, twoOfEach(payload), nil); got != "invalid" {
				t.Errorf("outcome %q", got)
			}
			if _, err := Ops(twoOfEach(payload)); !errors.Is(err, protocol.ErrMalformed) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// FuzzPayload: no payload makes the machine panic or touch what it must not,
// and what it accepts is the one encoding of its operations.
func FuzzPayload(ff *testing.F) {
	f := fuzz.New(ff)
	for _, ops := range [][]Op{
		{Transfer("a", "b", amount(31337))}, {Debit("a", maxAmount()), Credit("b", amount(0))},
		{Put("k", []byte("value")), Require("k", []byte("value")), Delete("k"), RequireAbsent("l")},
	} {
		f.Add(mustNew(f, ops...).Payload)
	}
	f.Add([]byte{})
	f.Add([]byte{1, 4, 0, 2, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{1, 1, 0, 0, 0, 1, 33})
	f.Bound(1<<10, 1<<18)
	f.Fuzz(func(t testing.TB, payload []byte) {
		transaction := twoOfEach(payload)
		outcome := execute(t, transaction, map[string][]byte{"account/a": {9}, "kv/k": []byte("value")})
		ops, err := Ops(transaction)
		if (err != nil) && outcome != protocol.OutcomeInvalid {
			t.Fatalf("outcome %q of a payload that cannot be read: %v", outcome, err)
		}
		if err != nil {
			return
		}
		again, err := NewTransaction(ops...)
		if err != nil {
			t.Fatalf("cannot encode %v: %v", ops, err)
		}
		if len(again.Payload) != len(payload) {
			t.Fatalf("%d bytes encode as %d bytes", len(payload), len(again.Payload))
		}
		if back, err := Ops(again); err != nil || !slices.Equal(back, ops) {
			t.Fatalf("%v read back as %v, %v", ops, back, err)
		}
	})
}

var sink string

// BenchmarkTransfer runs transfers between two accounts whose balances are at
// hand: what the machine itself costs.
func BenchmarkTransfer(b *testing.B) {
	b.ReportAllocs()
	transaction, err := NewTransaction(Transfer("alice", "bob", amount(31337)))
	if err != nil {
		b.Fatal(err)
	}
	rich := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	tx := executor.NewTx(protocol.DefaultLimits())
	for b.Loop() {
		tx.Reset(transaction)
		tx.SetInput(0, rich, true)
		tx.SetInput(1, rich, true)
		if sink, err = executor.Run(Machine{}, tx); err != nil || sink != protocol.OutcomeApplied {
			b.Fatal(sink, err)
		}
		for _, w := range tx.Writes() {
			_ = w
		}
	}
}

// BenchmarkEncode makes the transaction of one transfer.
func BenchmarkEncode(b *testing.B) {
	b.ReportAllocs()
	var e Encoder
	ops := []Op{Transfer("alice", "bob", amount(31337))}
	for b.Loop() {
		if _, err := e.Encode(ops); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSequential is the whole reference: state access included.
func BenchmarkSequential(b *testing.B) {
	b.ReportAllocs()
	names := make([]string, 10_000)
	var block, fund []protocol.Transaction
	for i := range names {
		names[i] = "account-" + string(rune('a'+i%26)) + hex.EncodeToString([]byte{byte(i >> 8), byte(i)})
		fund = append(fund, mustNew(b, Credit(names[i], amount(1<<60))))
	}
	for i := range names {
		block = append(block, mustNew(b, Transfer(names[i], names[(i*7919+13)%len(names)], amount(1))))
	}
	s := executor.NewSequential(Machine{}, protocol.DefaultLimits())
	if _, err := s.Execute(fund); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Execute(block); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(block)), "ns/tx")
}
