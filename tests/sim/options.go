package sim

import (
	"io"
	"math/rand/v2"

	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
)

// Options narrow what a seed draws. The zero value leaves everything to it.
type Options struct {
	Shards  int    // number of shards; 0 leaves it to the seed
	Steps   int    // steps before the faults stop; 0 leaves it to the seed
	Blocks  int    // most different blocks that clients submit; 0 leaves it to the seed
	Without Faults // kinds of faults that never happen
	// Skip leaves out single faults, by their ordinal within the run.
	Skip map[int]bool
	// FileLogs says whether the logs of the shards are real ones, in files.
	FileLogs Choice
	// Plain leaves out what clients do besides submitting new blocks and
	// reading: old keys, keys with another content, deadlines.
	Plain bool
	// Trace takes a line for everything that happens; nil for nobody.
	Trace io.Writer
	// Folder is where databases are made; "" takes memory if there is a file
	// system in it, else the folder for temporary files.
	Folder string
	// Wraps put something round the parts of the nodes.
	Wraps Wraps
}

// Choice is yes, no, or up to the seed.
type Choice uint8

// The choices.
const (
	Drawn Choice = iota
	Never
	Always
)

// Wraps put something round the parts of a node, each time it starts: so tests
// plant mistakes that the simulator has to find. A nil one leaves its part as
// it is.
type Wraps struct {
	Participant func(Place, executor.Participant) executor.Participant
	Coordinator func(Place, coordinator.Machine) coordinator.Machine
	ShardLog    func(Place, executor.ReplayLog) executor.ReplayLog
	DecisionLog func(Place, coordinator.DecisionLog) coordinator.DecisionLog
	// State is what an incarnation of the coordinator begins with.
	State               func(Place, protocol.CoordinatorState) protocol.CoordinatorState
	History             func(Place, coordinator.History) coordinator.History
	Pusher              func(Place, executor.Pusher) executor.Pusher
	Deliver             func(Place, Deliver) Deliver
	ShardSessions       func(Place, executor.Sessions) executor.Sessions
	CoordinatorSessions func(Place, coordinator.Sessions) coordinator.Sessions
	Clients             func(Place, coordinator.Clients) coordinator.Clients
	Machine             func(Place, executor.Machine) executor.Machine
	// Folder may change what a shard's process finds in its folder, right before
	// it opens the database there.
	Folder func(Place, string)
}

// Place tells a wrap which process it is in.
type Place struct {
	Shard       protocol.ShardID // of a shard
	Coordinator bool
	Start       int // counts the starts of this shard, or the incarnations of the coordinator, from 1
	// Rand is the process's own, drawn from the seed.
	Rand *rand.Rand
	// Count notes that the planted mistake was made, for Result.Counts.
	Count func(what string)
}

// Deliver takes values that a peer has pushed.
type Deliver func(from protocol.ShardID, a protocol.AttemptID, values []byte) error

func wrapped[T any](wrap func(Place, T) T, p Place, part T) T {
	if wrap == nil {
		return part
	}
	return wrap(p, part)
}
