package demo

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"

	"github.com/holiman/uint256"

	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/executor/ledger/txfile"
	"github.com/lockstep-exec/lockstep/protocol"
)

// block is a block to submit.
type block struct {
	key          string
	body         []byte
	transactions int
}

// source gives blocks; io.EOF after the last. It belongs to one goroutine at a
// time.
type source interface{ next() (block, error) }

// openingBalance is what every generated account gets.
const openingBalance = 1_000_000

// generator makes up blocks: first those that fill the accounts, then transfers
// between them, with some that overdraw, and some notes that are set and
// deleted. The same seed makes the same blocks.
type generator struct {
	options Options
	random  *rand.Rand
	made    int // blocks
	filled  int // accounts
	encoder ledger.Encoder
}

func newGenerator(o Options) *generator {
	return &generator{options: o, random: rand.New(rand.NewPCG(o.Seed, 0))}
}

func (g *generator) next() (block, error) {
	g.made++
	kind := "transfers"
	if g.filling() {
		kind = "opening"
	}
	transactions := make([]protocol.Transaction, 0, g.options.BlockSize)
	for len(transactions) < g.options.BlockSize {
		if kind == "opening" && !g.filling() {
			break
		}
		t, err := g.encoder.Encode([]ledger.Op{g.op()})
		if err != nil {
			return block{}, fmt.Errorf("make a transaction: %w", err)
		}
		transactions = append(transactions, t)
	}
	return block{
		key:  fmt.Sprintf("demo/%d/%s/%d", g.options.Seed, kind, g.made),
		body: protocol.EncodeBody(transactions), transactions: len(transactions),
	}, nil
}

// filling reports whether accounts have not got their balance yet.
func (g *generator) filling() bool { return g.filled < g.options.Accounts }

func (g *generator) op() ledger.Op {
	if g.filling() {
		g.filled++
		return ledger.Credit(account(g.filled-1), *uint256.NewInt(openingBalance))
	}
	switch dice := g.random.IntN(100); {
	case dice == 0:
		return ledger.Transfer(g.account(), g.account(), *uint256.NewInt(openingBalance << 20)) // nobody has that much
	case dice == 1:
		return ledger.Delete(g.note())
	case dice <= 3:
		return ledger.Put(g.note(), fmt.Appendf(nil, "block %d", g.made))
	}
	return ledger.Transfer(g.account(), g.account(), *uint256.NewInt(1 + g.random.Uint64N(2000)))
}

func (g *generator) account() string { return account(g.random.IntN(g.options.Accounts)) }
func (g *generator) note() string    { return fmt.Sprintf("note-%d", g.random.IntN(g.options.Accounts)) }

func account(i int) string { return fmt.Sprintf("demo-%06d", i) }

// file gives the blocks of a transaction file, and keeps the last few of them
// for the steps after the load.
type file struct {
	reader *txfile.Reader
	keep   int // blocks
	ahead  []block
	given  bool // something was given out
	ended  bool
}

// keptBlocks are how many blocks the steps after the load need.
func (o Options) keptBlocks() int {
	if o.several() {
		return cutBlocks + killBlocks + crashBlocks + awayBlocks
	}
	return cutBlocks + killBlocks + crashBlocks
}

func openFile(path string, limits protocol.Limits, blockSize, keep int) (*file, error) {
	r, err := txfile.Open(path, txfile.Options{Limits: limits, BlockSize: blockSize})
	if err != nil {
		return nil, err
	}
	return &file{reader: r, keep: keep}, nil
}

// next gives the next block of the load. A file that is too short for the steps
// as well is all load.
func (f *file) next() (block, error) {
	for !f.ended && len(f.ahead) <= f.keep {
		if err := f.read(); err != nil {
			return block{}, err
		}
	}
	if len(f.ahead) <= f.keep && f.given && f.full() || len(f.ahead) == 0 {
		return block{}, io.EOF
	}
	f.given = true
	return f.take(), nil
}

// full reports whether what is left is all that the steps need.
func (f *file) full() bool { return len(f.ahead) == f.keep }

func (f *file) read() error {
	b, err := f.reader.Next()
	if errors.Is(err, io.EOF) {
		f.ended = true
		return nil
	}
	if err != nil {
		return err
	}
	f.ahead = append(f.ahead, block{key: b.Key, body: b.Body, transactions: len(b.Transactions)})
	return nil
}

func (f *file) take() block {
	b := f.ahead[0]
	f.ahead = f.ahead[1:]
	return b
}

func (f *file) close() error { return f.reader.Close() }
