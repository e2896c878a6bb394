package bare

import (
	"testing"

	"github.com/holiman/uint256"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/workload"
	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/protocol"
)

// TestLikeSequential runs the same blocks through the reference.
func TestLikeSequential(t *testing.T) {
	slots, limits := protocol.EvenSlots(3), protocol.DefaultLimits()
	s, err := Create(t.TempDir(), ledger.Machine{}, slots, limits)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	reference := executor.NewSequential(ledger.Machine{}, limits)
	for i, body := range bodies(t, slots) {
		got, err := s.Run(body)
		if err != nil {
			t.Fatal(err)
		}
		transactions, err := protocol.DecodeBody(body, limits)
		if err != nil {
			t.Fatal(err)
		}
		want, err := reference.Execute(transactions)
		if err != nil {
			t.Fatal(err)
		}
		if !got.Equal(want) {
			t.Errorf("block %d: outcomes %v, want %v", i, got.Counts(), want.Counts())
		}
		for shard := range protocol.ShardID(3) {
			digest, err := s.Digest(shard)
			if want := reference.StateDigest(slots, shard); err != nil || digest != want {
				t.Fatalf("block %d, shard %d: digest %s, %v; want %s", i, shard, digest, err, want)
			}
		}
	}
}

// bodies are blocks of a workload, and one with every kind of write.
func bodies(t *testing.T, slots protocol.SlotTable) (all [][]byte) {
	t.Helper()
	g, err := workload.New(workload.Options{Kind: workload.Zipf, Accounts: 100, BlockSize: 200, Seed: 3, Skew: 1, Slots: slots})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		b, err := g.Block(i) // the first before the opening: nothing is there to debit
		if i == 1 {
			b, err = g.Opening(0)
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b.Body)
	}
	one := *uint256.NewInt(1)
	var transactions []protocol.Transaction
	for _, ops := range [][]ledger.Op{
		{ledger.Put("a", nil), ledger.Put("b", []byte("x"))},
		{ledger.Require("a", nil)}, // an empty value is there
		{ledger.Delete("b"), ledger.RequireAbsent("b")},
		{ledger.RequireAbsent("b")},
		{ledger.Credit("new", one)},
		{ledger.Transfer("new", "newer", one)}, // leaves 0: no key
		{ledger.Debit("new", one)},             // insufficient funds
	} {
		tx, err := ledger.NewTransaction(ops...)
		if err != nil {
			t.Fatal(err)
		}
		transactions = append(transactions, tx)
	}
	return append(all, protocol.EncodeBody(transactions))
}

func TestMalformedBlock(t *testing.T) {
	s, err := Create(t.TempDir(), ledger.Machine{}, protocol.EvenSlots(1), protocol.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Run([]byte{0, 0, 0, 9}); err == nil {
		t.Error("not refused")
	}
}
