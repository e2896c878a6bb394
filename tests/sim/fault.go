package sim

import "math/bits"

// Fault is a kind of thing that goes wrong.
type Fault uint8

const (
	ShardCrash          Fault = iota // a shard's process is killed
	ShardCrashInside                 // … at an operation in the middle of a step
	ShardAppendFails                 // a write of a shard's log fails (S9)
	ShardSyncFails                   // a sync of a shard's log fails
	ShardSlowDisk                    // a shard handles nothing for a while
	ShardFull                        // a shard has no space left, for a while
	CheckpointPutOff                 // a checkpoint finds no space
	TrimRefused                      // a trim of the log finds no space, or fails
	OldDisk                          // a shard comes back with an older copy of its disk (resync)
	CoordinatorCrash                 // the coordinator's process is killed
	CoordinatorInside                // … at an operation in the middle of a step
	CoordinatorLogFails              // an append to the decision log fails, with its outcome unknown (C2)
	CoordinatorHistory               // the history has no space, or fails
	CoordinatorSlow                  // the coordinator handles nothing for a while
	Takeover                         // a second coordinator takes the log over (C1)
	SessionReset                     // a session breaks, and the end of what was sent is lost
	CutBothWays                      // shard and coordinator hear nothing of each other
	CutToShard                       // the shard hears nothing of the coordinator
	CutToCoordinator                 // the coordinator hears nothing of the shard
	PeersCutBothWays                 // two shards hear nothing of each other
	PeersCutOneWay                   // one shard hears nothing of another
	PeersCutOff                      // a shard reaches the coordinator and no peer
	ExchangeReset                    // a stream between shards breaks, and the end of what was sent is lost
	ExchangeRepeats                  // a stream breaks late: what it holds arrives although it was sent again
	TimeJump                         // the time goes on by seconds
	numFaults
)

var faultNames = [numFaults]string{
	"shard-crash", "shard-crash-inside", "shard-append-fails", "shard-sync-fails", "shard-slow-disk", "shard-full",
	"checkpoint-put-off", "trim-refused", "old-disk", "coordinator-crash", "coordinator-crash-inside", "coordinator-log-fails",
	"history-fails", "coordinator-slow", "takeover", "session-reset", "cut-both-ways", "cut-to-shard",
	"cut-to-coordinator", "peers-cut-both-ways", "peers-cut-one-way", "peers-cut-off", "exchange-reset",
	"exchange-repeats", "time-jump",
}

// String gives the name that the command line knows.
func (f Fault) String() string { return faultNames[f] }

// FaultNamed finds a kind by its name.
func FaultNamed(name string) (Fault, bool) {
	for f := range numFaults {
		if faultNames[f] == name {
			return f, true
		}
	}
	return 0, false
}

// Faults is a set of kinds.
type Faults uint32

// AllFaults has every kind.
const AllFaults = Faults(1<<numFaults - 1)

// Of makes a set.
func Of(kinds ...Fault) (set Faults) {
	for _, f := range kinds {
		set |= 1 << f
	}
	return set
}

// Has reports whether a kind is in the set.
func (s Faults) Has(f Fault) bool { return s>>f&1 == 1 }

// Kinds lists the set.
func (s Faults) Kinds() (kinds []Fault) {
	for rest := uint32(s & AllFaults); rest != 0; rest &= rest - 1 {
		kinds = append(kinds, Fault(bits.TrailingZeros32(rest)))
	}
	return kinds
}

// String lists the names, as the command line takes them.
func (s Faults) String() string {
	text := ""
	for _, f := range s.Kinds() {
		if text != "" {
			text += ","
		}
		text += f.String()
	}
	return text
}
