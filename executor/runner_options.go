package executor

import (
	"runtime"
	"time"

	"github.com/lockstep-exec/lockstep/wal"
)

// RunnerOptions bounds executions.
type RunnerOptions struct {
	Workers      int           // pieces that work on one execution at once; 0 means one per core
	TakeTasks    int           // most ready transactions that a worker takes at once, to work off before it looks for more; 0 means 64
	PieceTasks   int           // transactions after which a worker ends its piece and asks for another; 0 means never. A simulator, to which a piece is one step, uses 1
	PeerTimeout  time.Duration // a peer silent for longer makes the attempt refused; 0 means 3 s
	StallTimeout time.Duration // no value from anyone for longer makes it refused; 0 means 60 s
	EarlyBytes   int64         // values, of all peers, for attempts that take none yet, half of it divided among the peers; 0 means 64 MiB
	BacklogBytes int64         // executions wait while more is to be checkpointed; 0 means 256 MiB
	// ResultBytes bounds writes, pushed values and outcomes of an attempt: a
	// block that comes to more is refused, for its Prepared record could not be
	// written. 0 means what a record of the log can hold.
	ResultBytes int
	// PushedBytes bounds the values, as packed, that are taken from one peer for an
	// attempt; a peer that pushes more lies, for its Prepared record could not
	// hold them. 0 means what a record of the log can hold.
	PushedBytes int
	// Pick chooses which of n ready transactions, 0 to n-1, a worker takes next;
	// nil takes the newest. What comes out never depends on it. Workers call it
	// at the same time if the Schedule runs them so.
	Pick func(n int) int
}

// recordHead is room for what else stands in a Prepared record.
const recordHead = 4 << 10

func defaultWorkers() int { return runtime.GOMAXPROCS(0) }

func newest(n int) int { return n - 1 }

func (o RunnerOptions) withDefaults() RunnerOptions {
	if o.Workers == 0 {
		o.Workers = defaultWorkers()
	}
	if o.TakeTasks == 0 {
		o.TakeTasks = 64
	}
	if o.PeerTimeout == 0 {
		o.PeerTimeout = 3 * time.Second
	}
	if o.StallTimeout == 0 {
		o.StallTimeout = time.Minute
	}
	if o.EarlyBytes == 0 {
		o.EarlyBytes = 64 << 20
	}
	if o.ResultBytes == 0 {
		o.ResultBytes = wal.MaxRecordBytes - recordHead
	}
	if o.PushedBytes == 0 {
		o.PushedBytes = wal.MaxRecordBytes
	}
	if o.BacklogBytes == 0 {
		o.BacklogBytes = 256 << 20
	}
	if o.Pick == nil {
		o.Pick = newest
	}
	return o
}
