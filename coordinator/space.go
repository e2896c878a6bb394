package coordinator

import (
	"fmt"

	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/wal"
	"google.golang.org/grpc/codes"
)

// lookAtSpace notes whether the log has room for more blocks. What is taken up
// already can still be decided: decisions are small, and the floor is far above
// what they need.
func (c *Coordinator) lookAtSpace() {
	reason := c.lacksSpace()
	before := c.obstructed.Swap(&reason)
	switch {
	case reason != "" && (before == nil || *before == ""):
		c.logger.Warn("this coordinator takes up no more blocks: " + reason)
	case reason == "" && before != nil && *before != "":
		c.logger.Info("there is enough free space again; blocks are taken up")
	}
}

func (c *Coordinator) lacksSpace() string {
	if c.options.MinFreeBytes < 0 {
		return ""
	}
	free, err := wal.FreeBytes(c.options.Directory)
	switch {
	case err != nil:
		return err.Error()
	case free < c.options.MinFreeBytes:
		return fmt.Sprintf("%d MiB are free where the coordinator keeps its log, it wants %d MiB to take up a block: free some space, it goes on by itself",
			free>>20, c.options.MinFreeBytes>>20)
	}
	return ""
}

// room turns a client away while there is no space for its block.
func (c *Coordinator) room() error {
	if reason := c.obstructed.Load(); reason != nil && *reason != "" {
		return wire.RetryLater(codes.ResourceExhausted, retryAfter, *reason)
	}
	return nil
}
