package workload

import (
	"fmt"
	"math"
	"slices"

	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/protocol"
)

// Kind is the pattern by which accounts are picked.
type Kind string

const (
	Uniform    Kind = "uniform"
	Zipf       Kind = "zipf"
	Hot        Kind = "hot"
	Single     Kind = "single"
	ReadMostly Kind = "read-mostly"
)

// Kinds are the names of all patterns.
func Kinds() []string {
	return []string{string(Uniform), string(Zipf), string(Hot), string(Single), string(ReadMostly)}
}

// Options say what to make.
type Options struct {
	Kind        Kind
	Accounts    int // at least 2
	BlockSize   int // transactions of a block
	Seed        uint64
	Skew        float64 // of zipf: 0 is uniform, 1 is steep
	SingleShare float64 // of single: the share of transfers that stay on one shard, 0 to 1
	ReadShare   float64 // of read-mostly: the share of transactions that only read, 0 to 1
	Slots       protocol.SlotTable
}

// Validate refuses what no block can be made of.
func (o Options) Validate() error {
	switch {
	case !slices.Contains(Kinds(), string(o.Kind)):
		return fmt.Errorf("there is no workload %q", o.Kind)
	case o.Accounts < 2 || o.Accounts > math.MaxInt32:
		return fmt.Errorf("a transfer needs at least 2 accounts, and at most %d can be named: give --accounts another value than %d", math.MaxInt32, o.Accounts)
	case o.BlockSize < 1:
		return fmt.Errorf("--block-size must be more than 0, not %d", o.BlockSize)
	case !(o.Skew >= 0 && o.Skew <= 10):
		return fmt.Errorf("--skew must be between 0 and 10, not %v", o.Skew)
	case !(o.SingleShare >= 0 && o.SingleShare <= 1):
		return fmt.Errorf("--single-share must be between 0 and 1, not %v", o.SingleShare)
	case !(o.ReadShare >= 0 && o.ReadShare <= 1):
		return fmt.Errorf("--read-share must be between 0 and 1, not %v", o.ReadShare)
	}
	return nil
}

// OpeningBalance is what every account gets before the measurement. It is more
// than all transfers of a run take from one account.
const OpeningBalance = 1 << 40

// mostAmount bounds what one transfer moves.
const mostAmount = 100

// Action is one transaction in a form that other systems can run too. It moves
// Amount between two accounts; if Amount is 0 it looks two notes up.
type Action struct {
	From, To uint32 // numbers of accounts, or of notes
	Amount   uint32
}

// Reads reports whether the action only reads.
func (a Action) Reads() bool { return a.Amount == 0 }

// Block is a block to measure with.
type Block struct {
	Key          string // empty if it is made for each submission
	Body         []byte // canonical encoding
	Transactions int
	CrossShard   int      // transactions whose keys live on several shards
	Actions      []Action // nil if the block was not made here
}

// Account names an account.
func Account(i uint32) string { return fmt.Sprintf("bench-%07d", i) }

// Note names a key that read-only transactions look up.
func Note(i uint32) string { return fmt.Sprintf("bench-%07d", i) }

// NoteValue is what stands under a note.
func NoteValue(i uint32) []byte { return fmt.Appendf(nil, "the note of %07d", i) }

// AccountKey is the state key of an account.
func AccountKey(i uint32) []byte { return ledger.AccountKey(Account(i)) }

// CrossesShards reports whether a transaction has keys on several shards.
func CrossesShards(t protocol.Transaction, slots protocol.SlotTable) bool {
	if len(t.Access) == 0 {
		return false
	}
	first := slots.Owner(t.Access[0].Key)
	return slices.ContainsFunc(t.Access[1:], func(a protocol.Access) bool { return slots.Owner(a.Key) != first })
}
