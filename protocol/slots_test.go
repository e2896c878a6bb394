package protocol

import (
	"fmt"
	"testing"
)

// TestGoldenSlots: known values of xxhash64 modulo 16384. A key must never
// move to another shard, so these never change.
func TestGoldenSlots(t *testing.T) {
	for key, want := range map[string]uint64{
		"":    0xef46db3751d8e999 % SlotCount,
		"a":   0xd24ec4f1a98c6e5b % SlotCount,
		"abc": 0x44bc2cf5ad770999 % SlotCount,
		"Nobody inspects the spammish repetition": 0xfbcea83c8a378bf1 % SlotCount,
	} {
		if got := Slot([]byte(key)); uint64(got) != want {
			t.Errorf("key %q: slot %d, want %d", key, got, want)
		}
	}
}

// TestHashPart: of a key with braces only the part between the first '{' and
// the next '}' counts, unless it is empty.
func TestHashPart(t *testing.T) {
	for key, part := range map[string]string{
		"{alice}/cash":   "alice",
		"cash/{alice}":   "alice",
		"{alice}{bob}":   "alice",
		"{{alice}}":      "{alice",
		"}{alice}":       "alice",
		"{}{alice}":      "{}{alice}",
		"{}":             "{}",
		"{":              "{",
		"a{b":            "a{b",
		"a}b":            "a}b",
		"a}{":            "a}{",
		"\x00{\x00}\xff": "\x00",
	} {
		if got := string(hashPart([]byte(key))); got != part {
			t.Errorf("key %q: part %q, want %q", key, got, part)
		}
		if Slot([]byte(key)) != Slot([]byte("{"+part+"}")) && part != key {
			t.Errorf("key %q is not with its part", key)
		}
	}
}

// TestEvenSlots: divided in order, and no shard has more than one slot more
// than another; every slot has the owner that the starts say.
func TestEvenSlots(t *testing.T) {
	for shards := 1; shards <= MaxShards; shards++ {
		table := EvenSlots(shards)
		sizes := make([]int, shards)
		for slot := range SlotCount {
			owner := table.owner[slot]
			if slot > 0 && owner < table.owner[slot-1] {
				t.Fatalf("%d shards: slot %d is out of order", shards, slot)
			}
			sizes[owner]++
		}
		least := SlotCount / shards
		for s, n := range sizes {
			if n != least && n != least+1 {
				t.Fatalf("%d shards: shard %d has %d slots", shards, s, n)
			}
		}
		again, err := NewSlotTable(table.Starts())
		if err != nil || again.Shards() != shards {
			t.Fatalf("%d shards: %v", shards, err)
		}
	}
}

func TestOwner(t *testing.T) {
	table, err := NewSlotTable([]uint16{0, 2457, 2458})
	if err != nil {
		t.Fatal(err)
	}
	// "abc" is in slot 2457, "a" in slot 11867.
	for key, want := range map[string]ShardID{"abc": 1, "x{abc}": 1, "a": 2} {
		if got := table.Owner([]byte(key)); got != want {
			t.Errorf("key %q: shard %d, want %d", key, got, want)
		}
	}
}

func TestNewSlotTableRefuses(t *testing.T) {
	long := make([]uint16, MaxShards+1)
	for i := range long {
		long[i] = uint16(i)
	}
	for _, starts := range [][]uint16{nil, {1}, {0, 0}, {0, 5, 5}, {0, 7, 6}, {0, SlotCount}, long} {
		if _, err := NewSlotTable(starts); err == nil {
			t.Errorf("%d starts are accepted: %v", len(starts), starts[:min(3, len(starts))])
		}
	}
}

// TestNewSlotTableCopies: the caller's slice stays the caller's.
func TestNewSlotTableCopies(t *testing.T) {
	starts := []uint16{0, 10}
	table, err := NewSlotTable(starts)
	if err != nil {
		t.Fatal(err)
	}
	starts[1] = 99
	if fmt.Sprint(table.Starts()) != "[0 10]" {
		t.Fatal(table.Starts())
	}
}
