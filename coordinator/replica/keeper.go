package replica

import (
	"errors"
	"fmt"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/protocol"
)

// keepBatch is the most decisions in one transaction of the history.
const keepBatch = 4096

// Keeping is the history that a keeper writes; *history.History is one.
type Keeping interface {
	Append(history.Meta, []*protocol.Decision) error
	ByHeight(protocol.Height) (*protocol.Decision, bool, error)
	Height() protocol.Height
	Meta() history.Meta
}

// Keep moves the decisions that wait into the history, on any replica: they are
// committed, or the machine would not have applied them. It leaves those that come
// meanwhile for another call, since under load some always do. What the history has
// already, because it was written before a crash or came with a snapshot, is
// compared and left alone. One goroutine at a time may keep.
//
// A history without space is no error; the log holds the decisions until
// another call finds room.
func (m *Machine) Keep(h Keeping) error {
	began, _ := m.State()
	for last := began.Height(); ; {
		s, applied := m.State()
		if len(s.Recent) == 0 || s.Recent[0].Height() > last {
			return nil
		}
		if first := s.Recent[0]; first.Height() <= h.Height() {
			if err := sameDecision(h, first); err != nil {
				return err
			}
			m.kept(first.Height())
			continue
		}
		batch := s.Recent[:min(len(s.Recent), keepBatch)]
		meta := metaFor(s, h.Meta().Log)
		if len(batch) == len(s.Recent) {
			meta.Log.Forced = max(meta.Log.Forced, applied)
			meta.Log.Keep = meta.Log.Forced + 1
		}
		err := h.Append(meta, batch)
		if errors.Is(err, history.ErrNoSpace) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("keep decisions in the history: %w", err)
		}
		m.kept(batch[len(batch)-1].Height())
	}
}

// metaFor is what the history says about a state; the position stays.
func metaFor(s State, at history.LogPosition) history.Meta {
	return history.Meta{Config: s.Config, Epoch: s.Mark.Epoch, Joined: s.Joined, Log: at}
}

// sameDecision compares a decision of the log with that of the history.
func sameDecision(h Keeping, d *protocol.Decision) error {
	old, ok, err := h.ByHeight(d.Height())
	switch {
	case err != nil:
		return fmt.Errorf("compare log and history: %w", err)
	case !ok || old.Root != d.Root || old.Attempt != d.Attempt:
		return fmt.Errorf("log and history decide height %d differently: they do not belong together", d.Height())
	}
	return nil
}
