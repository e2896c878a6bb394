package machinetest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
)

type machineFunc func(*executor.Tx) string

func (f machineFunc) Execute(tx *executor.Tx) string { return f(tx) }

// add is a machine without fault: it adds the first byte of the payload to every key
// that is declared written, and what stands in the keys that are only read.
func add(tx *executor.Tx) string {
	if len(tx.Payload()) != 1 {
		return protocol.OutcomeInvalid
	}
	sum := int(tx.Payload()[0])
	for i := range tx.Keys() {
		value, _ := tx.Get(i)
		n, _ := strconv.Atoi(string(value))
		sum += n % 100
	}
	for i := range tx.Keys() {
		if !strings.HasPrefix(string(tx.Key(i)), "read") {
			tx.Put(i, strconv.AppendInt(nil, int64(sum+i), 10))
		}
	}
	return protocol.OutcomeApplied
}

// drawAdd draws transactions for add.
func drawAdd(t *rapid.T) protocol.Transaction {
	var access []protocol.Access
	for range rapid.IntRange(1, 3).Draw(t, "keys") {
		key := rapid.SampledFrom([]string{"a", "b", "c", "d", "read1", "read2"}).Draw(t, "key")
		mode := protocol.ReadWrite
		if strings.HasPrefix(key, "read") {
			mode = protocol.Read
		}
		access = append(access, protocol.Access{Key: []byte(key), Mode: mode})
	}
	return protocol.NewTransaction([]byte{rapid.Byte().Draw(t, "payload")}, access)
}

func TestAMachineWithoutFaultPasses(t *testing.T) {
	Check(t, machineFunc(add), rapid.Custom(drawAdd), Invariant(func(state map[string][]byte) error {
		for key, value := range state {
			if _, err := strconv.Atoi(string(value)); err != nil {
				return fmt.Errorf("%q: %w", key, err)
			}
		}
		return nil
	}))
}

// TestFaultsAreFound: each machine breaks one rule, and is caught at that.
func TestFaultsAreFound(t *testing.T) {
	var (
		calls atomic.Int64
		mu    sync.Mutex
		kept  []byte
		memo  = map[string]int{}
	)
	for _, test := range []struct {
		name, want string
		machine    func(*executor.Tx) string
		options    []Option
	}{
		{"a clock", "and another time", func(*executor.Tx) string { return strconv.FormatInt(time.Now().UnixNano(), 10) }, nil},
		{"order of a map", "and another time", func(tx *executor.Tx) string {
			for name := range map[string]bool{"one": true, "two": true, "three": true} {
				return name
			}
			return ""
		}, nil},
		{"an earlier call", "and another time", func(tx *executor.Tx) string { return strconv.FormatInt(calls.Add(1)/1000, 10) }, nil},
		{"a memory of transactions", "after others", func(tx *executor.Tx) string {
			mu.Lock()
			defer mu.Unlock()
			first, seen := memo[describe(protocol.NewTransaction(tx.Payload(), nil))]
			if !seen {
				first = len(memo)
				memo[describe(protocol.NewTransaction(tx.Payload(), nil))] = first
			}
			if memo["newest"] = first; len(memo) > first+3 {
				return "old"
			}
			return "new"
		}, nil},
		{"a payload that is kept", "and another time", func(tx *executor.Tx) string {
			mu.Lock()
			defer mu.Unlock()
			if len(kept) == 0 {
				kept = tx.Payload()
			}
			return fmt.Sprintf("%x", kept[:min(len(kept), 8)]) + "."
		}, nil},
		{"a value that is changed", "the machine changes", func(tx *executor.Tx) string {
			if value, ok := tx.Get(0); ok && len(value) > 0 {
				value[0]++
			}
			return add(tx)
		}, nil},
		{"a key that is not declared", "breaks a rule", func(tx *executor.Tx) string { tx.Get(tx.Keys()); return add(tx) }, nil},
		{"a panic at what a client may send", "panicked", func(tx *executor.Tx) string { _ = tx.Payload()[0]; return add(tx) }, nil},
		{"no outcome", "no outcome", func(tx *executor.Tx) string { return "" }, nil},
		{"an outcome that is too long", "outcome name", func(tx *executor.Tx) string { return strings.Repeat("x", 65) }, nil},
		{"an outcome that nobody can be told", "not UTF-8", func(tx *executor.Tx) string { return "\xff" }, nil},
		{"an invariant", "is odd", add, []Option{Invariant(func(state map[string][]byte) error {
			for key, value := range state {
				if n, _ := strconv.Atoi(string(value)); n%2 == 1 {
					return fmt.Errorf("%q is odd", key)
				}
			}
			return nil
		})}},
		{"keys over the limit", "cannot be submitted", add, []Option{Limits(protocol.Limits{
			KeyBytes: 3, ValueBytes: 100, TransactionKeys: 10, BlockBytes: 1 << 20, BlockTransactions: 100, TransactionPayload: 100,
		})}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newChecker(machineFunc(test.machine), test.options)
			plans := rapid.Custom(func(t *rapid.T) plan { return drawPlan(t, rapid.Custom(drawAdd)) })
			for seed := range 200 {
				if err := c.check(plans.Example(seed)); err != nil {
					if !strings.Contains(err.Error(), test.want) {
						t.Errorf("found %v, want %q", err, test.want)
					}
					return
				}
			}
			t.Error("was not found")
		})
	}
}

// TestOneShardThatDiffersIsFound: a machine that knows where it runs comes to another
// state than a sequential run.
func TestOneShardThatDiffersIsFound(t *testing.T) {
	honest := newChecker(machineFunc(add), nil)
	p := plan{shards: 3, blocks: [][]drawn{{{Transaction: protocol.NewTransaction([]byte{1}, []protocol.Access{
		{Key: []byte("a"), Mode: protocol.ReadWrite}, {Key: []byte("b"), Mode: protocol.ReadWrite}, {Key: []byte("d"), Mode: protocol.ReadWrite},
	})}}}}
	list, err := honest.alone(p.blocks)
	if err != nil {
		t.Fatal(err)
	}
	if err := honest.together(p, list); err != nil {
		t.Fatal(err)
	}
	for what, liar := range map[string]func(*executor.Tx) string{
		"outcome": func(tx *executor.Tx) string { add(tx); return "late" },
		"state":   func(tx *executor.Tx) string { outcome := add(tx); tx.Put(0, nil); return outcome },
	} {
		err := newChecker(machineFunc(liar), nil).together(p, list)
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

// TestDamageIsOfAllKinds: of transactions with a key and a payload, most come out
// changed, and none without a key.
func TestDamageIsOfAllKinds(t *testing.T) {
	plans := rapid.Custom(func(t *rapid.T) plan { return drawPlan(t, rapid.Custom(drawAdd)) })
	payloads, modes, keys := map[int]bool{}, map[protocol.Mode]bool{}, map[int]bool{}
	for seed := range 100 {
		for _, d := range slices.Concat(plans.Example(seed).blocks...) {
			if d.damaged {
				payloads[len(d.Payload)], keys[len(d.Access)] = true, true
				for _, a := range d.Access {
					modes[a.Mode] = true
				}
			}
		}
	}
	if len(payloads) < 5 || len(modes) != 3 || keys[0] {
		t.Errorf("payloads of %v bytes, modes %v, lists of %v keys", slices.Sorted(maps.Keys(payloads)), modes, keys)
	}
}
