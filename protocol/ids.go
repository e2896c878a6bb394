package protocol

import (
	"cmp"
	"encoding/hex"
	"fmt"
)

// ShardID numbers the shards of a cluster from 0 to N-1.
type ShardID uint32

// Height is a block's place in the order: 1, 2, 3 … without gaps. Height 0 is
// the empty state before the first block.
type Height uint64

// Epoch numbers the incarnations of the coordinator, from 1. A higher epoch
// fences every lower one (rules C1 and S5).
type Epoch uint64

// AttemptID names one two-phase run of a block.
//
// Invariant: never reused, strictly growing per height, because the epoch is
// durable before its first message and Attempt only grows within an epoch.
type AttemptID struct {
	Height  Height
	Epoch   Epoch
	Attempt uint32
}

// IsZero reports whether the id names no attempt, as for the parent of height 1.
func (a AttemptID) IsZero() bool { return a == AttemptID{} }

// Compare orders the attempts of one height: first by epoch, then by number.
// Comparing attempts of different heights orders them by height.
func (a AttemptID) Compare(b AttemptID) int {
	return cmp.Or(
		cmp.Compare(a.Height, b.Height),
		cmp.Compare(a.Epoch, b.Epoch),
		cmp.Compare(a.Attempt, b.Attempt),
	)
}

// String gives height/epoch.attempt, the form used in logs and scripts.
func (a AttemptID) String() string {
	if a.IsZero() {
		return "none"
	}
	return fmt.Sprintf("%d/%d.%d", a.Height, a.Epoch, a.Attempt)
}

// id is sixteen random bytes. The pure package never draws one itself.
type id [16]byte

func (i id) isZero() bool   { return i == id{} }
func (i id) String() string { return hex.EncodeToString(i[:]) }

// ClusterID is drawn once, when a coordinator starts on an empty directory.
type ClusterID id

// DirectoryID is drawn once, when a shard starts on an empty data directory.
// A shard number is bound to one directory for good, so that two machines can
// never answer for the same shard.
type DirectoryID id

// InstanceID is drawn at every start of a shard process.
type InstanceID id

// IsZero reports whether the cluster is not known yet: a shard that has never
// been welcomed.
func (c ClusterID) IsZero() bool   { return id(c).isZero() }
func (c ClusterID) String() string { return id(c).String() }

// IsZero reports whether no directory is named.
func (d DirectoryID) IsZero() bool   { return id(d).isZero() }
func (d DirectoryID) String() string { return id(d).String() }

func (i InstanceID) String() string { return id(i).String() }

// Session numbers the sessions of one process. A number is never used twice
// in a process; 0 is no session.
type Session uint64
