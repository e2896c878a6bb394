package recovery

import (
	"errors"
	"fmt"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/protocol"
)

// verifyCoordinator looks at every decision and key of the history, and
// compares the decisions that the log still has with it. That those above the
// history continue its chain was checked when the log was replayed.
func (l *Look) verifyCoordinator(i *inspection, progress Progress) error {
	h, err := history.OpenReadOnly(l.Path)
	if errors.Is(err, history.ErrNotExist) {
		return nil // the look has said so
	}
	if err != nil {
		return l.damaged(err)
	}
	progress.tell("decisions of the history", uint64(h.Height()))
	var found int
	err = h.Verify(func(damage *history.DamageError) {
		if found++; found <= mostFindings {
			l.find(findingOf(damage))
		}
	})
	if found > mostFindings {
		l.find(Finding{Part: PartHistory, What: fmt.Sprintf("%d more findings in the history", found-mostFindings), Do: doHistory})
	}
	l.Checked.Heights = int(h.Height())
	if err == nil && found == 0 && i.decided != nil {
		err = l.compareOlder(h, i.decided.State.Older)
		l.Checked.Heights += len(i.decided.State.Decisions)
	}
	return errors.Join(l.damaged(err), h.Close())
}

// compareOlder compares the decisions that log and history both have.
func (l *Look) compareOlder(h *history.History, older []*protocol.Decision) error {
	for _, d := range older {
		kept, ok, err := h.ByHeight(d.Height())
		if err != nil {
			return err
		}
		if !ok || kept.Root != d.Root || kept.Attempt != d.Attempt || kept.Key != d.Key {
			l.find(Finding{Part: PartLog, Height: d.Height(), Do: doOrder,
				What: fmt.Sprintf("the log decides attempt %s of block %q at height %d, the history has something else there", d.Attempt, d.Key, d.Height())})
		}
		l.Checked.Decisions++
	}
	return nil
}
