package coordinator

import (
	"fmt"

	"github.com/lockstep-exec/lockstep/protocol/wire"
	"google.golang.org/grpc/codes"
)

// lookAtSpace notes whether the log has room for more blocks; it is called about
// once a second while this member leads. What is taken up
// already can still be decided: decisions are small, and the floor is far above
// what they need.
func (c *Coordinator) lookAtSpace() {
	reason := c.ShortOfSpace()
	c.obstructed.Store(&reason)
	if reason != "" {
		c.cramped.Warn("this coordinator takes up no more blocks", "reason", reason)
	} else {
		c.cramped.Over("there is enough free space again, blocks are taken up")
	}
}

// ShortOfSpace says why this coordinator would take up no block, leading or not,
// and what to do; "" if its disk has enough free space.
func (c *Coordinator) ShortOfSpace() string {
	if c.options.MinFreeBytes < 0 {
		return ""
	}
	var free int64
	err := c.replica.Watched(func() (err error) { // the disk may hang here too
		free, err = c.options.FreeBytes(c.options.Directory)
		return err
	})
	switch {
	case err != nil:
		return fmt.Sprintf("the free space on the disk of %s cannot be told: %v", c.options.Name, err)
	case free < c.options.MinFreeBytes:
		return fmt.Sprintf("the disk of %s has %d MiB free, below the %d MiB that it wants to take up a block: free some space there, it goes on by itself",
			c.options.Name, free>>20, c.options.MinFreeBytes>>20)
	}
	return ""
}

// obstruction is why the coordinator takes up no blocks, as it was found last; ""
// if it does.
func (c *Coordinator) obstruction() string {
	if reason := c.obstructed.Load(); reason != nil {
		return *reason
	}
	return ""
}

// room turns a client away while there is no space for its block.
func (c *Coordinator) room() error {
	if reason := c.obstruction(); reason != "" {
		return wire.RetryLater(codes.ResourceExhausted, retryAfter, reason)
	}
	return nil
}
