package executor

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lockstep-exec/lockstep/protocol"
)

// scripted reads its payload as words: "set" puts the rest of the payload to
// every write key, "drop" deletes them, "fail" sets and then fails, "panic"
// sets and then panics.
var scripted = machineFunc(func(tx *Tx) string {
	verb, value, _ := strings.Cut(string(tx.Payload()), " ")
	for i := range tx.Keys() {
		if verb == "drop" {
			tx.Delete(i)
		} else {
			tx.Put(i, []byte(value))
		}
	}
	switch verb {
	case "fail":
		return "failed"
	case "panic":
		panic("as told")
	}
	return protocol.OutcomeApplied
})

func script(payload string, keys ...string) protocol.Transaction {
	var access []protocol.Access
	for _, key := range keys {
		access = append(access, protocol.Access{Key: []byte(key), Mode: protocol.Write})
	}
	return protocol.NewTransaction([]byte(payload), access)
}

func dump(s *Sequential) string {
	var b strings.Builder
	for key, value := range s.All() {
		fmt.Fprintf(&b, "%s=%s ", key, value)
	}
	return strings.TrimSpace(b.String())
}

func TestSequentialRunsInOrder(t *testing.T) {
	s := NewSequential(scripted, protocol.DefaultLimits())
	outcomes, err := s.Execute([]protocol.Transaction{
		script("set 1", "b", "a"), script("fail 2", "a"), script("set 3", "b"), script("drop", "c"), script("set", "d"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := outcomes.Counts(); !maps.Equal(got, map[string]int{"applied": 4, "failed": 1}) {
		t.Errorf("outcomes %v", got)
	}
	if got := dump(s); got != "a=1 b=3 d=" {
		t.Errorf("state %q", got)
	}
	if value, ok := s.Get([]byte("d")); !ok || len(value) != 0 {
		t.Errorf("empty value: %q %v", value, ok)
	}
	if _, ok := s.Get([]byte("c")); ok {
		t.Error("deleted key is there")
	}
}

func TestSequentialRollsAFailedBlockBack(t *testing.T) {
	s := NewSequential(scripted, protocol.DefaultLimits())
	if _, err := s.Execute([]protocol.Transaction{script("set 1", "a", "b")}); err != nil {
		t.Fatal(err)
	}
	_, err := s.Execute([]protocol.Transaction{
		script("set 2", "a", "c"), script("drop", "a", "b"), script("set 3", "a"), script("panic", "a"),
	})
	if err == nil || !strings.Contains(err.Error(), "transaction 3") {
		t.Fatalf("error %v", err)
	}
	if got := dump(s); got != "a=1 b=1" {
		t.Errorf("state %q", got)
	}
}

func TestSequentialRunsTransactionsWithoutWrites(t *testing.T) {
	s := NewSequential(machineFunc(func(tx *Tx) string {
		if _, ok := tx.Get(0); ok {
			return "present"
		}
		return "absent"
	}), protocol.DefaultLimits())
	read := protocol.NewTransaction(nil, []protocol.Access{{Key: []byte("a"), Mode: protocol.Read}})
	outcomes, err := s.Execute([]protocol.Transaction{read})
	if err != nil || outcomes.At(0) != "absent" {
		t.Errorf("outcome %q, error %v", outcomes.At(0), err)
	}
}

// The digests of the shards add up to the digest of one that owns everything,
// and to what the writes alone come to.
func TestSequentialStateDigest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewSequential(scripted, protocol.DefaultLimits())
		for range rapid.IntRange(0, 20).Draw(t, "transactions") {
			keys := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f"}), 1, 3).Draw(t, "keys")
			verb := rapid.SampledFrom([]string{"set 1", "set 22", "drop"}).Draw(t, "verb")
			if _, err := s.Execute([]protocol.Transaction{script(verb, keys...)}); err != nil {
				t.Fatal(err)
			}
		}
		var want, parts protocol.Sum
		for key, value := range s.All() {
			want = want.Add(protocol.PairSum([]byte(key), value))
		}
		slots := protocol.EvenSlots(3)
		for shard := range protocol.ShardID(3) {
			parts = parts.Add(protocol.SumOf(s.StateDigest(slots, shard)))
		}
		if one := s.StateDigest(protocol.EvenSlots(1), 0); one != want.Digest() || parts != want {
			t.Fatalf("one shard %v, three shards %v, want %v", one, parts.Digest(), want.Digest())
		}
	})
}
