package wire

import "github.com/lockstep-exec/lockstep/protocol"

const (
	// DefaultMaxMessage bounds one message of a session, in bytes. The largest
	// legitimate ones are an Execute with a whole block of 64 MiB and one
	// million transactions, about 68 MiB, and a Hello with protocol.MaxWindow
	// votes on blocks of that size, about 65 MiB.
	DefaultMaxMessage = 160 << 20

	// MaxReasonBytes bounds a reason. Marshal shortens longer ones.
	MaxReasonBytes = 4 << 10
	// MaxAddressBytes bounds the address of a shard.
	MaxAddressBytes = 512
	// MaxPrepared bounds the prepared attempts in a Hello. It is what a
	// participant can hold.
	MaxPrepared = 256

	// maxSmall bounds every message but Execute, Vote and Hello, in bytes.
	maxSmall = 1 << 20
	// maxTransactions is the widest that any configuration allows.
	maxTransactions = 1_000_000
	// maxVote bounds a vote, in bytes: one code per transaction, and names.
	maxVote = maxTransactions + 64<<10

	maxOutcomeNames     = 255
	maxOutcomeNameBytes = 64
)

// Bounds is what the receiver of a message knows of its cluster. The zero
// value is for one that knows nothing yet.
type Bounds struct {
	// Shards is the number of shards; 0 if it is not known.
	Shards int
	// Transactions is the most that a block may hold; 0 if it is not known.
	Transactions int
}

func (b Bounds) shards() int {
	if b.Shards == 0 {
		return protocol.MaxShards
	}
	return b.Shards
}

func (b Bounds) transactions() int {
	if b.Transactions == 0 {
		return maxTransactions
	}
	return b.Transactions
}
