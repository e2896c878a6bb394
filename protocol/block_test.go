package protocol

import (
	"fmt"
	"testing"
)

func TestNewTransactionSortsAndMerges(t *testing.T) {
	access := []Access{{[]byte("c"), Read}, {[]byte("a"), Write}, {[]byte("c"), Write}, {[]byte("b"), Read}, {[]byte("a"), Write}}
	tx := NewTransaction([]byte("p"), access)
	got := ""
	for _, a := range tx.Access {
		got += fmt.Sprintf("%s:%d ", a.Key, a.Mode)
	}
	if got != "a:2 b:1 c:3 " {
		t.Fatal(got)
	}
	if string(access[0].Key) != "c" || access[0].Mode != Read {
		t.Fatal("the caller's list was changed")
	}
}

func TestModes(t *testing.T) {
	for mode, want := range map[Mode][2]bool{Read: {true, false}, Write: {false, true}, ReadWrite: {true, true}} {
		if got := [2]bool{mode.Reads(), mode.Writes()}; got != want {
			t.Errorf("mode %d: %v, want %v", mode, got, want)
		}
	}
}

// TestExecutors: the owners of the write keys execute; without any, the owner
// of the first key.
func TestExecutors(t *testing.T) {
	table, err := NewSlotTable([]uint16{0, 2457, 2458}) // abc: shard 1, a: shard 2
	if err != nil {
		t.Fatal(err)
	}
	zero := keyOn(table, 0)
	for _, c := range []struct {
		access []Access
		want   string
	}{
		{[]Access{{[]byte("a"), Write}, {[]byte("abc"), Write}}, "[9 1 2]"},
		{[]Access{{[]byte("a"), ReadWrite}, {[]byte("x{a}"), Write}}, "[9 2]"},
		{[]Access{{[]byte("a"), Read}, {[]byte("abc"), ReadWrite}, {zero, Read}}, "[9 1]"},
		{[]Access{{[]byte("abc"), Read}, {[]byte("zz{a}"), Read}}, "[9 1]"},
		{[]Access{{zero, Write}, {[]byte("abc"), Write}, {[]byte("a"), Write}}, "[9 0 1 2]"},
		{nil, "[9]"},
	} {
		// Whatever stands before in the slice is left alone.
		if got := fmt.Sprint(NewTransaction(nil, c.access).Executors(table, []ShardID{9})); got != c.want {
			t.Errorf("%q: %s, want %s", c.access, got, c.want)
		}
	}
}

func keyOn(table SlotTable, s ShardID) []byte {
	for i := 0; ; i++ {
		if key := fmt.Appendf(nil, "k%d", i); table.Owner(key) == s {
			return key
		}
	}
}

func TestLimitsValidate(t *testing.T) {
	if err := DefaultLimits().Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Limits){
		"no key":               func(l *Limits) { l.KeyBytes = 0 },
		"long keys":            func(l *Limits) { l.KeyBytes = 32<<10 + 1 },
		"no value":             func(l *Limits) { l.ValueBytes = 0 },
		"long values":          func(l *Limits) { l.ValueBytes = 16<<20 + 1 },
		"no keys":              func(l *Limits) { l.TransactionKeys = 0 },
		"many keys":            func(l *Limits) { l.TransactionKeys = 1 << 16 },
		"small blocks":         func(l *Limits) { l.BlockBytes = 1<<10 - 1 },
		"large blocks":         func(l *Limits) { l.BlockBytes = 64<<20 + 1 },
		"no transactions":      func(l *Limits) { l.BlockTransactions = 0 },
		"many transactions":    func(l *Limits) { l.BlockTransactions = 1_000_001 },
		"less than no payload": func(l *Limits) { l.TransactionPayload = -1 },
		"large payloads":       func(l *Limits) { l.TransactionPayload = 64<<20 + 1 },
	} {
		l := DefaultLimits()
		spoil(&l)
		if l.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestAttemptsGrow: the order of AttemptIDs is by height, then epoch, then number.
func TestAttemptsGrow(t *testing.T) {
	ascending := []AttemptID{{}, {1, 1, 1}, {1, 1, 2}, {1, 2, 1}, {2, 1, 1}, {2, 1, 10}}
	for i, a := range ascending {
		for j, b := range ascending {
			if got, want := a.Compare(b), min(1, max(-1, i-j)); got != want {
				t.Errorf("%s compared with %s: %d, want %d", a, b, got, want)
			}
		}
	}
	if got := (AttemptID{812, 3, 2}).String(); got != "812/3.2" {
		t.Error(got)
	}
}
