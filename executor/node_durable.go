package executor

import (
	"fmt"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/state"
)

// forget takes the dropped attempts out of what a checkpoint must keep.
func (n *Node) forget(from protocol.Height) {
	n.durable.Lock()
	defer n.durable.Unlock()
	for h := range n.durable.prepared {
		if h >= from {
			delete(n.durable.prepared, h)
		}
	}
}

// Position is what a checkpoint of a height records (rule S7): it forces the
// log, and tells which part of it a replay still needs.
func (n *Node) Position(upTo protocol.Height) (state.LogPosition, protocol.Config, protocol.Epoch, error) {
	position, config, epoch := n.position(upTo)
	if err := n.parts.Log.Sync(); err != nil {
		return state.LogPosition{}, protocol.Config{}, 0, fmt.Errorf("force the log: %w", err)
	}
	return position, config, epoch, nil
}

func (n *Node) position(upTo protocol.Height) (state.LogPosition, protocol.Config, protocol.Epoch) {
	n.durable.Lock()
	defer n.durable.Unlock()
	last := n.parts.Log.Last()
	position := state.LogPosition{Keep: last + 1, Forced: last}
	for h, p := range n.durable.prepared {
		if h > upTo {
			position.Keep = min(position.Keep, p.sequence)
		}
	}
	return position, n.durable.config, n.durable.epoch
}

// Checkpointed forgets what the database has made durable. It is for the
// checkpointer; the machine learns of it by an event.
func (n *Node) Checkpointed(h protocol.Height) {
	n.durable.Lock()
	defer n.durable.Unlock()
	for at := range n.durable.prepared {
		if at <= h {
			delete(n.durable.prepared, at)
		}
	}
}
