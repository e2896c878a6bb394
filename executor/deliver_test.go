package executor

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
)

func TestDeliverRefusesWhatIsNotTheSendersToPush(t *testing.T) {
	c := testConfig(3)
	zero, one, two := keysOn(c.Slots, 0, 1)[0], keysOn(c.Slots, 1, 1)[0], keysOn(c.Slots, 2, 1)[0]
	// Seen from shard 0: executes 0 with a value from 1, supplies 1 to shard 1,
	// and in 2 the key of shard 1 is written blindly.
	block := []protocol.Transaction{txn("a", "x:"+zero, "r:"+one), txn("a", "r:"+zero, "x:"+one), txn("a", "x:"+zero, "w:"+one), txn("a", "x:"+two)}
	at := func(tx int, key string) int {
		return slices.IndexFunc(block[tx].Access, func(a protocol.Access) bool { return string(a.Key) == key })
	}
	for name, lie := range map[string]struct {
		from   protocol.ShardID
		values []byte
	}{
		"another shard's key":        {2, appendValue(nil, 0, at(0, one), []byte("v"), true)},
		"a key of the receiver":      {1, appendValue(nil, 0, at(0, zero), []byte("v"), true)},
		"a key that does not exist":  {1, appendValue(nil, 0, 2, []byte("v"), true)},
		"a transaction not executed": {1, appendValue(nil, 1, at(1, one), []byte("v"), true)},
		"a key that is not read":     {1, appendValue(nil, 2, at(2, one), []byte("v"), true)},
		"a transaction not here":     {2, appendValue(nil, 3, 0, []byte("v"), true)},
		"a transaction beyond":       {1, appendValue(nil, 99, 0, []byte("v"), true)},
		"nonsense":                   {1, []byte("nonsense")},
		"a value and nonsense":       {1, append(appendValue(nil, 0, at(0, one), []byte("v"), true), "nonsense"...)},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(block, nil, c)
			b.start(0)
			ready, err := b.runs[0].deliver(lie.from, lie.values)
			if err == nil || len(ready) > 0 {
				t.Fatalf("error %v, ready %v", err, ready)
			}
			if owing := b.runs[0].waitsFor(); !slices.Equal(owing, []protocol.ShardID{1}) {
				t.Errorf("waits for %v", owing)
			}
		})
	}
}

// owing is a run on shard 0 of two, for which shard 1 owes so many values, and a way to
// pack one of them.
func owing(values, most int) (*run, func(i int, value string) []byte) {
	c := testConfig(2)
	zero, one := keysOn(c.Slots, 0, 1)[0], keysOn(c.Slots, 1, 1)[0]
	block := make([]protocol.Transaction, values)
	for i := range block {
		block[i] = txn("a", "x:"+zero, "r:"+one)
	}
	at := slices.IndexFunc(block[0].Access, func(a protocol.Access) bool { return string(a.Key) == one })
	r := newBench(block, nil, c).runs[0]
	r.most = most
	return r, func(i int, value string) []byte { return appendValue(nil, uint32(i), at, []byte(value), true) }
}

// TestAValueKeepsNoMoreThanItself: each batch brings one that is owed, and much that
// has come before, in this batch or in an earlier one. What stays of a batch shows when
// it is written over.
func TestAValueKeepsNoMoreThanItself(t *testing.T) {
	r, value := owing(20, 1<<20)
	var batches [][]byte
	deliver := func(batch []byte) {
		t.Helper()
		batches = append(batches, batch)
		if _, err := r.deliver(1, batch); err != nil {
			t.Fatal(err)
		}
	}
	deliver(slices.Concat(value(0, "of 0"), bytes.Repeat(value(0, "repeated"), 100)))
	for i := 1; i < 19; i++ {
		deliver(slices.Concat(bytes.Repeat(value(i-1, "repeated"), 100), value(i, fmt.Sprint("of ", i))))
	}
	deliver(slices.Concat(value(3, ""), value(19, "")))
	for _, b := range batches {
		clear(b)
	}
	for i, v := range r.remote {
		want := fmt.Sprint("of ", i)
		if i == 19 {
			want = ""
		}
		if !v.came || !v.present || string(v.bytes) != want || cap(v.bytes) != len(v.bytes) {
			t.Errorf("value %d is %q", i, v.bytes)
		}
	}
	if owing := r.waitsFor(); owing != nil {
		t.Errorf("waits for %v", owing)
	}
}

// TestABatchOfNewsIsNotCopied: that is what honest peers send.
func TestABatchOfNewsIsNotCopied(t *testing.T) {
	r, value := owing(3, 1<<20)
	batch := slices.Concat(value(2, "two"), value(0, "zero"))
	if _, err := r.deliver(1, batch); err != nil {
		t.Fatal(err)
	}
	for i, at := range map[int]int{2: valueHead, 0: 2*valueHead + 3} {
		if &r.remote[i].bytes[0] != &batch[at] {
			t.Errorf("value %d was copied", i)
		}
	}
}

// TestAPeerPushesNoMoreThanItCanHavePrepared: a value may be as long as the longest, but
// not all of very many.
func TestAPeerPushesNoMoreThanItCanHavePrepared(t *testing.T) {
	r, value := owing(3, 2*(valueHead+100))
	hundred := string(make([]byte, 100))
	for range 3 { // again and again counts once
		if _, err := r.deliver(1, slices.Concat(value(0, hundred), value(1, hundred))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.deliver(1, value(2, "")); err == nil {
		t.Error("more was taken")
	}
	if n := r.missing[1]; n != 1 || r.remote[2].came {
		t.Errorf("%d values are missing", n)
	}
}

func TestTheFirstOfTwoValuesCounts(t *testing.T) {
	c := testConfig(2)
	zero, one := keysOn(c.Slots, 0, 1)[0], keysOn(c.Slots, 1, 1)[0]
	block := []protocol.Transaction{txn("a", "x:"+zero, "r:"+one)}
	at := slices.IndexFunc(block[0].Access, func(a protocol.Access) bool { return string(a.Key) == one })
	b := newBench(block, nil, c)
	b.start(0)
	ready, err := b.runs[0].deliver(1, appendValue(nil, 0, at, []byte("first"), true))
	if err != nil || !slices.Equal(ready, []int32{0}) {
		t.Fatal(ready, err)
	}
	ready, err = b.runs[0].deliver(1, appendValue(nil, 0, at, []byte("second"), true))
	if err != nil || len(ready) > 0 || string(b.runs[0].remote[at].bytes) != "first" {
		t.Fatalf("ready %v, error %v, value %q", ready, err, b.runs[0].remote[at].bytes)
	}
}
