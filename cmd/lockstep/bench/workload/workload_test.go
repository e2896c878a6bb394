package workload

import (
	"bytes"
	"math"
	"testing"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/protocol"
)

func options(kind Kind) Options {
	return Options{
		Kind: kind, Accounts: 1000, BlockSize: 2000, Seed: 7, Skew: 1, SingleShare: 0.7, ReadShare: 0.9, Slots: protocol.EvenSlots(4),
	}
}

func generator(t *testing.T, o Options) *Generator {
	t.Helper()
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func block(t *testing.T, g *Generator, number int) Block {
	t.Helper()
	b, err := g.Block(number)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTheSameSeedGivesTheSameBlocks(t *testing.T) {
	for _, name := range Kinds() {
		a, b := generator(t, options(Kind(name))), generator(t, options(Kind(name)))
		last := block(t, b, 5) // out of order
		for i := range 6 {
			if !bytes.Equal(block(t, a, i).Body, block(t, b, i).Body) {
				t.Errorf("%s: block %d differs", name, i)
			}
		}
		if !bytes.Equal(last.Body, block(t, a, 5).Body) {
			t.Errorf("%s: block 5 depends on what was made before", name)
		}
		if bytes.Equal(last.Body, block(t, a, 4).Body) {
			t.Errorf("%s: blocks 4 and 5 are the same", name)
		}
		o := options(Kind(name))
		o.Seed++
		if bytes.Equal(last.Body, block(t, generator(t, o), 5).Body) {
			t.Errorf("%s: another seed gives the same block", name)
		}
	}
}

// TestEveryTransactionIsApplied runs what is made, from the openings on.
func TestEveryTransactionIsApplied(t *testing.T) {
	for _, name := range Kinds() {
		g := generator(t, options(Kind(name)))
		run := executor.NewSequential(ledger.Machine{}, protocol.DefaultLimits())
		for i := range g.Openings() {
			b, err := g.Opening(i)
			if err != nil {
				t.Fatal(err)
			}
			applied(t, run, b)
		}
		for i := range 3 {
			applied(t, run, block(t, g, i))
		}
		tiny, err := g.Tiny(3)
		if err != nil || tiny.Transactions != 1 {
			t.Fatalf("%d transactions, %v", tiny.Transactions, err)
		}
		applied(t, run, tiny)
	}
}

func applied(t *testing.T, run *executor.Sequential, b Block) {
	t.Helper()
	transactions, err := protocol.DecodeBody(b.Body, protocol.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	outcomes, err := run.Execute(transactions)
	if err != nil {
		t.Fatal(err)
	}
	if n := outcomes.Counts()[protocol.OutcomeApplied]; n != b.Transactions || n == 0 {
		t.Errorf("%d of %d transactions are applied: %v", n, b.Transactions, outcomes.Counts())
	}
}

func TestShares(t *testing.T) {
	for _, test := range []struct {
		name  string
		o     func(*Options)
		share func(Block) float64
		want  float64
	}{
		{"uniform: across shards", func(o *Options) { o.Kind = Uniform }, crossShare, 0.75},
		{"single: across shards", func(o *Options) { o.Kind = Single }, crossShare, 0.3},
		{"single: none across shards", func(o *Options) { o.Kind, o.SingleShare = Single, 1 }, crossShare, 0},
		{"single: all across shards", func(o *Options) { o.Kind, o.SingleShare = Single, 0 }, crossShare, 1},
		{"single: one shard", func(o *Options) { o.Kind, o.Slots = Single, protocol.EvenSlots(1) }, crossShare, 0},
		{"read-mostly: reads", func(o *Options) { o.Kind = ReadMostly }, readShare, 0.9},
		{"hot: into one account", func(o *Options) { o.Kind = Hot }, toFirst, 1},
		{"zipf: from the first", func(o *Options) { o.Kind = Zipf }, fromFirst, 1 / 7.485}, // 1/H(1000)
		{"zipf without skew: from the first", func(o *Options) { o.Kind, o.Skew = Zipf, 0 }, fromFirst, 0.001},
	} {
		o := options(Uniform)
		test.o(&o)
		g, sum := generator(t, o), 0.0
		const blocks = 5
		for i := range blocks {
			sum += test.share(block(t, g, i)) / blocks
		}
		if math.Abs(sum-test.want) > 0.02 {
			t.Errorf("%s: a share of %.3f, want %.3f", test.name, sum, test.want)
		}
	}
}

func crossShare(b Block) float64 { return float64(b.CrossShard) / float64(b.Transactions) }
func readShare(b Block) float64  { return share(b, Action.Reads) }
func toFirst(b Block) float64    { return share(b, func(a Action) bool { return a.To == 0 }) }
func fromFirst(b Block) float64  { return share(b, func(a Action) bool { return a.From == 0 }) }

func share(b Block, is func(Action) bool) float64 {
	n := 0
	for _, a := range b.Actions {
		if is(a) {
			n++
		}
	}
	return float64(n) / float64(len(b.Actions))
}

func TestATransferHasTwoAccounts(t *testing.T) {
	for _, name := range Kinds() {
		o := options(Kind(name))
		o.Accounts, o.Skew = 2, 10
		for _, a := range block(t, generator(t, o), 0).Actions {
			if a.From == a.To {
				t.Fatalf("%s: a transfer from an account to itself", name)
			}
		}
	}
}

func TestValidate(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"kind":         func(o *Options) { o.Kind = "none" },
		"accounts":     func(o *Options) { o.Accounts = 1 },
		"block size":   func(o *Options) { o.BlockSize = 0 },
		"skew":         func(o *Options) { o.Skew = -1 },
		"skew NaN":     func(o *Options) { o.Skew = math.NaN() },
		"single share": func(o *Options) { o.SingleShare = 1.5 },
		"read share":   func(o *Options) { o.ReadShare = -0.5 },
	} {
		o := options(Uniform)
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s: not refused", name)
		}
	}
}
