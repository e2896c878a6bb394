package client

import (
	"errors"
	"fmt"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// What may become of a block that is not known to be committed, for errors.Is.
var (
	// ErrAborted: the block was withdrawn and changed nothing. It may be submitted
	// again, under the same key or another one.
	ErrAborted = errors.New("block aborted")
	// ErrRefused: the block was not taken up and changed nothing; the same again would
	// be refused again.
	ErrRefused = errors.New("block refused")
	// ErrUnknown: the block may be committed, now or soon, or not. Submitting it again
	// with the same key, and only that, gives the one true answer.
	ErrUnknown = errors.New("outcome unknown")
)

// ErrUnavailable is what errors of reads are when no coordinator that leads answered in
// time, for errors.Is; asking later may help.
var ErrUnavailable = errors.New("unavailable")

// BlockError says why there is no Result for a block.
type BlockError struct {
	Key string

	kind   error  // ErrAborted, ErrRefused or ErrUnknown
	reason string // a sentence
	cause  error  // may be nil
}

func (e *BlockError) Error() string {
	switch e.kind {
	case ErrAborted: //nolint:errorlint // kind is one of three by itself, never wrapped
		return fmt.Sprintf("block %q was aborted: %s", e.Key, e.reason)
	case ErrRefused:
		return fmt.Sprintf("block %q was refused: %s", e.Key, e.reason)
	}
	return fmt.Sprintf("the outcome of block %q is unknown: %s: nothing is lost, submit it again with the same key to learn it", e.Key, e.reason)
}

// Unwrap gives what kind of error it is, and its cause if there is one.
func (e *BlockError) Unwrap() []error {
	if e.cause == nil {
		return []error{e.kind}
	}
	return []error{e.kind, e.cause}
}

// Result is a committed block.
type Result struct {
	Key     string
	Height  uint64
	Block   protocol.Digest   // identity of its content: protocol.BlockID
	Root    protocol.Digest   // over this block and all before it
	Digests []protocol.Digest // of the state of each shard after it, by shard
	// Outcomes says what each transaction came to, in the order of the block.
	Outcomes protocol.Outcomes
}

// resultOf is what became of a block, with refused if it was refused at the door.
func resultOf(key string, a Answer, refused error) (Result, error) {
	switch {
	case refused != nil:
		return Result{}, &BlockError{Key: key, kind: ErrRefused, reason: refused.Error(), cause: refused}
	case a.Decision == Aborted:
		return Result{}, &BlockError{Key: key, kind: ErrAborted, reason: a.Reason}
	case a.Decision != Committed:
		return Result{}, &BlockError{Key: key, kind: ErrUnknown, reason: a.Reason}
	}
	r, err := parseResult(a.Block)
	if err != nil {
		return Result{}, &BlockError{Key: key, kind: ErrUnknown, reason: "the answer cannot be read: " + err.Error(), cause: err}
	}
	return r, nil
}

// parseResult reads the header of a block. The outcomes alias it.
func parseResult(b *wirepb.Block) (Result, error) {
	r := Result{Key: b.GetKey(), Height: b.GetHeight(), Outcomes: protocol.Outcomes{Names: b.GetOutcomes().GetNames(), Codes: b.GetOutcomes().GetCodes()}}
	for _, code := range r.Outcomes.Codes {
		if int(code) > len(r.Outcomes.Names) {
			return Result{}, fmt.Errorf("an outcome has code %d, of %d names: is the coordinator of another version?", code, len(r.Outcomes.Names))
		}
	}
	err := errors.Join(parseDigest(&r.Block, b.GetBlockId()), parseDigest(&r.Root, b.GetRoot()))
	r.Digests = make([]protocol.Digest, len(b.GetShardDigests()))
	for i, digest := range b.GetShardDigests() {
		err = errors.Join(err, parseDigest(&r.Digests[i], digest))
	}
	return r, err
}

func parseDigest(to *protocol.Digest, from []byte) error {
	if len(from) != len(to) {
		return fmt.Errorf("a digest has %d bytes, not %d: is the coordinator of another version?", len(from), len(to))
	}
	copy(to[:], from)
	return nil
}
