package executor

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lockstep-exec/lockstep/protocol"
)

// machineFunc lets a test say in place what a machine does.
type machineFunc func(tx *Tx) string

func (f machineFunc) Execute(tx *Tx) string { return f(tx) }

const (
	keyRead = iota // indexes into testAccess
	keyBoth
	keyWrite
)

func testAccess() protocol.Transaction {
	return protocol.NewTransaction([]byte("payload"), []protocol.Access{
		{Key: []byte("a-read"), Mode: protocol.Read},
		{Key: []byte("b-both"), Mode: protocol.ReadWrite},
		{Key: []byte("c-write"), Mode: protocol.Write},
	})
}

func testTx() *Tx {
	limits := protocol.DefaultLimits()
	limits.ValueBytes = 8
	tx := NewTx(limits)
	tx.Reset(testAccess())
	tx.SetInput(keyRead, []byte("one"), true)
	tx.SetInput(keyBoth, nil, false)
	return tx
}

// writesOf spells the writes out, "index=value" or "index-".
func writesOf(tx *Tx) (list []string) {
	for i, w := range tx.Writes() {
		if w.Delete {
			list = append(list, fmt.Sprintf("%d-", i))
		} else {
			list = append(list, fmt.Sprintf("%d=%s", i, w.Value))
		}
	}
	return list
}

func TestTxRules(t *testing.T) {
	tests := []struct {
		name    string
		do      func(tx *Tx)
		outcome string
		writes  []string
	}{
		{"nothing", func(tx *Tx) {}, "applied", nil},
		{"get", func(tx *Tx) { tx.Get(keyRead) }, "applied", nil},
		{"put", func(tx *Tx) { tx.Put(keyWrite, []byte("x")) }, "applied", []string{"2=x"}},
		{"put of nothing", func(tx *Tx) { tx.Put(keyWrite, nil) }, "applied", []string{"2="}},
		{"put at the limit", func(tx *Tx) { tx.Put(keyWrite, []byte("12345678")) }, "applied", []string{"2=12345678"}},
		{"last put counts", func(tx *Tx) { tx.Put(keyBoth, []byte("x")); tx.Put(keyBoth, []byte("y")) }, "applied", []string{"1=y"}},
		{"delete after put", func(tx *Tx) { tx.Put(keyBoth, []byte("x")); tx.Delete(keyBoth) }, "applied", []string{"1-"}},
		{"put after delete", func(tx *Tx) { tx.Delete(keyBoth); tx.Put(keyBoth, []byte("x")) }, "applied", []string{"1=x"}},
		{"writes are in order of keys", func(tx *Tx) { tx.Delete(keyWrite); tx.Put(keyBoth, []byte("x")) }, "applied", []string{"1=x", "2-"}},
		{"read of own write", func(tx *Tx) { tx.Put(keyWrite, []byte("x")); tx.Get(keyWrite) }, "applied", []string{"2=x"}},
		{"read of own delete", func(tx *Tx) { tx.Delete(keyWrite); tx.Get(keyWrite) }, "applied", []string{"2-"}},

		{"read of a write key", func(tx *Tx) { tx.Get(keyWrite) }, "invalid", nil},
		{"put to a read key", func(tx *Tx) { tx.Put(keyRead, nil) }, "invalid", nil},
		{"delete of a read key", func(tx *Tx) { tx.Delete(keyRead) }, "invalid", nil},
		{"put over the limit", func(tx *Tx) { tx.Put(keyBoth, make([]byte, 9)) }, "invalid", nil},
		{"get past the end", func(tx *Tx) { tx.Get(3) }, "invalid", nil},
		{"get before the start", func(tx *Tx) { tx.Get(-1) }, "invalid", nil},
		{"put past the end", func(tx *Tx) { tx.Put(3, nil) }, "invalid", nil},
		{"delete past the end", func(tx *Tx) { tx.Delete(1 << 40) }, "invalid", nil},
		{"key past the end", func(tx *Tx) { tx.Key(3) }, "invalid", nil},
		{"a fault sticks", func(tx *Tx) { tx.Put(keyBoth, []byte("x")); tx.Get(keyWrite); tx.Put(keyWrite, nil) }, "invalid", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tx := testTx()
			outcome, err := Run(machineFunc(func(tx *Tx) string { test.do(tx); return "applied" }), tx)
			if err != nil || outcome != test.outcome {
				t.Fatalf("outcome %q, error %v; want %q", outcome, err, test.outcome)
			}
			if got := writesOf(tx); !slices.Equal(got, test.writes) {
				t.Errorf("writes %q, want %q", got, test.writes)
			}
			if (tx.Fault() != "") != (test.outcome == "invalid") {
				t.Errorf("fault %q with outcome %q", tx.Fault(), outcome)
			}
		})
	}
}

func TestTxGetSeesInputsAndOwnWrites(t *testing.T) {
	tx := testTx()
	value, ok := tx.Get(keyRead)
	if !ok || string(value) != "one" {
		t.Errorf("input: %q %v", value, ok)
	}
	if value, ok = tx.Get(keyBoth); ok || value != nil {
		t.Errorf("absent input: %q %v", value, ok)
	}
	tx.Put(keyBoth, []byte("x"))
	first, ok := tx.Get(keyBoth)
	if !ok || string(first) != "x" {
		t.Errorf("own write: %q %v", first, ok)
	}
	tx.Put(keyBoth, []byte("y"))
	if string(first) != "x" {
		t.Errorf("a value changed under its reader: %q", first)
	}
	tx.Delete(keyBoth)
	if value, ok = tx.Get(keyBoth); ok {
		t.Errorf("own delete: %q", value)
	}
}

func TestTxPutCopies(t *testing.T) {
	tx, value := testTx(), []byte("x")
	tx.Put(keyWrite, value)
	value[0] = 'z'
	if got, _ := tx.Get(keyWrite); string(got) != "x" {
		t.Errorf("value changed with the caller's slice: %q", got)
	}
}

func TestTxNames(t *testing.T) {
	tx := testTx()
	if tx.Keys() != 3 || string(tx.Key(keyBoth)) != "b-both" || string(tx.Payload()) != "payload" {
		t.Errorf("keys %d, key %q, payload %q", tx.Keys(), tx.Key(keyBoth), tx.Payload())
	}
	for _, name := range []string{"a-read", "b-both", "c-write"} {
		if i, ok := tx.Find([]byte(name)); !ok || string(tx.Key(i)) != name {
			t.Errorf("find %s: %d %v", name, i, ok)
		}
	}
	for _, name := range []string{"", "a", "b-both2", "z"} {
		if i, ok := tx.Find([]byte(name)); ok {
			t.Errorf("found %q at %d", name, i)
		}
	}
	if tx.Fault() != "" {
		t.Errorf("fault: %s", tx.Fault())
	}
}

func TestTxResetForgets(t *testing.T) {
	tx := testTx()
	tx.Put(keyBoth, []byte("x"))
	tx.Get(keyWrite)
	tx.Reset(protocol.NewTransaction(nil, []protocol.Access{{Key: []byte("k"), Mode: protocol.Write}}))
	if tx.Fault() != "" || tx.Keys() != 1 || tx.Payload() != nil || writesOf(tx) != nil {
		t.Errorf("fault %q, %d keys, payload %q, writes %q", tx.Fault(), tx.Keys(), tx.Payload(), writesOf(tx))
	}
}

// Values of applied transactions stay as they are, whatever the Tx does next.
func TestTxKeptValuesNeverChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := protocol.DefaultLimits()
		tx := NewTx(limits)
		var kept, want [][]byte
		for step := range rapid.IntRange(1, 40).Draw(t, "transactions") {
			size := rapid.OneOf(rapid.IntRange(0, 40), rapid.IntRange(largeBytes-1, largeBytes+1)).Draw(t, "size")
			puts := rapid.IntRange(1, 12).Draw(t, "puts")
			outcome := rapid.SampledFrom([]string{"applied", "failed"}).Draw(t, "outcome")
			value := bytes.Repeat([]byte{byte(step + 1)}, size)
			tx.Reset(testAccess())
			if _, err := Run(machineFunc(func(tx *Tx) string {
				for range puts {
					tx.Put(keyWrite, value)
				}
				return outcome
			}), tx); err != nil {
				t.Fatal(err)
			}
			for _, w := range tx.Writes() {
				kept, want = append(kept, w.Value), append(want, value)
			}
		}
		for i := range kept {
			if !bytes.Equal(kept[i], want[i]) {
				t.Fatalf("value %d changed: %x, want %x", i, kept[i], want[i])
			}
		}
	})
}

func TestTxAllocatesLittle(t *testing.T) {
	limits, transaction, value := protocol.DefaultLimits(), testAccess(), []byte("12345678")
	tx := NewTx(limits)
	machine := machineFunc(func(tx *Tx) string {
		tx.Get(keyRead)
		tx.Put(keyWrite, value)
		return "applied"
	})
	perRun := testing.AllocsPerRun(10_000, func() {
		tx.Reset(transaction)
		tx.SetInput(keyRead, value, true)
		tx.SetInput(keyBoth, nil, false)
		if _, err := Run(machine, tx); err != nil {
			t.Fatal(err)
		}
		for range tx.Writes() {
		}
	})
	if perRun >= 1 {
		t.Errorf("%v allocations a transaction, want less than one", perRun)
	}
}
