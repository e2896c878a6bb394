package workload

import (
	"fmt"
	"math/rand/v2"

	"github.com/holiman/uint256"

	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/protocol"
)

// openingSize is how many accounts or notes a block of Opening fills.
const openingSize = 10_000

// Generator makes blocks. It may be used from many goroutines at once.
type Generator struct {
	options Options
	ranks   *ranks // of zipf
	homes   *homes // of single
}

// New prepares a generator; the memory it takes grows with the accounts.
func New(o Options) (*Generator, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	g := &Generator{options: o}
	switch o.Kind {
	case Zipf:
		g.ranks = newRanks(o.Accounts, o.Skew)
	case Single:
		g.homes = newHomes(o.Accounts, o.Slots)
	}
	return g, nil
}

// Openings is the number of blocks that fill the accounts, and the notes if
// there are reads.
func (g *Generator) Openings() int {
	per := (g.options.Accounts + openingSize - 1) / openingSize
	if g.options.Kind == ReadMostly {
		return 2 * per
	}
	return per
}

// Opening makes one of the blocks that fill accounts and notes, which must be
// committed before any other. It has no Actions.
func (g *Generator) Opening(number int) (Block, error) {
	per := (g.options.Accounts + openingSize - 1) / openingSize
	fill := func(i uint32) ledger.Op { return ledger.Credit(Account(i), *uint256.NewInt(OpeningBalance)) }
	if number >= per {
		number -= per
		fill = func(i uint32) ledger.Op { return ledger.Put(Note(i), NoteValue(i)) }
	}
	var encoder ledger.Encoder
	var transactions []protocol.Transaction
	for i := number * openingSize; i < min((number+1)*openingSize, g.options.Accounts); i++ {
		t, err := encoder.Encode([]ledger.Op{fill(uint32(i))})
		if err != nil {
			return Block{}, fmt.Errorf("make an opening transaction: %w", err)
		}
		transactions = append(transactions, t)
	}
	return Block{Body: protocol.EncodeBody(transactions), Transactions: len(transactions)}, nil
}

// Block makes the block of a number.
func (g *Generator) Block(number int) (Block, error) { return g.make(number, g.options.BlockSize) }

// Tiny makes the block of a number with one transaction only.
func (g *Generator) Tiny(number int) (Block, error) { return g.make(number, 1) }

func (g *Generator) make(number, size int) (Block, error) {
	random := rand.New(rand.NewPCG(g.options.Seed, uint64(number)))
	b := Block{Transactions: size, Actions: make([]Action, size)}
	transactions := make([]protocol.Transaction, size)
	var encoder ledger.Encoder
	for i := range transactions {
		a := g.action(random)
		t, err := encoder.Encode(ops(a))
		if err != nil {
			return Block{}, fmt.Errorf("make a transaction: %w", err)
		}
		b.Actions[i], transactions[i] = a, t
		if CrossesShards(t, g.options.Slots) {
			b.CrossShard++
		}
	}
	b.Body = protocol.EncodeBody(transactions)
	return b, nil
}

func ops(a Action) []ledger.Op {
	if a.Reads() {
		return []ledger.Op{ledger.Require(Note(a.From), NoteValue(a.From)), ledger.Require(Note(a.To), NoteValue(a.To))}
	}
	return []ledger.Op{ledger.Transfer(Account(a.From), Account(a.To), *uint256.NewInt(uint64(a.Amount)))}
}

// action draws one transaction.
func (g *Generator) action(random *rand.Rand) Action {
	a := Action{Amount: 1 + random.Uint32N(mostAmount)}
	switch g.options.Kind {
	case Zipf:
		a.From = g.ranks.draw(random)
		a.To = other(a.From, func() uint32 { return g.ranks.draw(random) }, g.options.Accounts)
		return a
	case Hot:
		a.From = 1 + random.Uint32N(uint32(g.options.Accounts-1))
		return a
	case Single:
		a.From = g.any(random)
		a.To = g.homes.partner(a.From, random.Float64() < g.options.SingleShare, random)
		return a
	case ReadMostly:
		if random.Float64() < g.options.ReadShare {
			a.Amount = 0
		}
	}
	a.From = g.any(random)
	a.To = other(a.From, func() uint32 { return g.any(random) }, g.options.Accounts)
	return a
}

func (g *Generator) any(random *rand.Rand) uint32 { return random.Uint32N(uint32(g.options.Accounts)) }

// other draws an account that is not the given one. Where chance insists, as a
// steep skew may, it takes the neighbour.
func other(than uint32, draw func() uint32, accounts int) uint32 {
	const tries = 8
	for range tries {
		if to := draw(); to != than {
			return to
		}
	}
	return (than + 1) % uint32(accounts)
}
