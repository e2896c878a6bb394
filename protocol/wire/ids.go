package wire

import (
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// attemptOut gives nil for no attempt.
func attemptOut(a protocol.AttemptID) *wirepb.AttemptID {
	if a.IsZero() {
		return nil
	}
	return &wirepb.AttemptID{Height: uint64(a.Height), Epoch: uint64(a.Epoch), Attempt: a.Attempt}
}

// attemptIn refuses an attempt with a zero in it, and no attempt at all.
func attemptIn(what string, a *wirepb.AttemptID) (protocol.AttemptID, error) {
	got := protocol.AttemptID{
		Height: protocol.Height(a.GetHeight()), Epoch: protocol.Epoch(a.GetEpoch()), Attempt: a.GetAttempt(),
	}
	if got.Height == 0 || got.Epoch == 0 || got.Attempt == 0 {
		return protocol.AttemptID{}, malformed("%s is %d/%d.%d, and none of these may be 0", what, got.Height, got.Epoch, got.Attempt)
	}
	return got, nil
}

// fixed copies exactly len(dst) bytes.
func fixed(what string, dst, src []byte) error {
	if len(src) != len(dst) {
		return malformed("%s of %d bytes, want %d", what, len(src), len(dst))
	}
	copy(dst, src)
	return nil
}

func digestIn(what string, b []byte) (d protocol.Digest, err error) {
	return d, fixed(what, d[:], b)
}

func committedOut(c protocol.Committed) *wirepb.Committed {
	return &wirepb.Committed{Attempt: attemptOut(c.Attempt), Digest: c.Digest[:], Root: c.Root[:]}
}

// committedIn reads a committed state; without an attempt it is that of height 0.
func committedIn(c *wirepb.Committed) (got protocol.Committed, err error) {
	if c == nil {
		return got, malformed("no committed state")
	}
	if c.Attempt != nil {
		if got.Attempt, err = attemptIn("committed attempt", c.Attempt); err != nil {
			return got, err
		}
	}
	if got.Digest, err = digestIn("committed digest", c.Digest); err != nil {
		return got, err
	}
	got.Root, err = digestIn("committed root", c.Root)
	return got, err
}
