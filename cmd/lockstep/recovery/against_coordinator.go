package recovery

import (
	"context"
	"fmt"

	"github.com/lockstep-exec/lockstep/protocol"
)

const doNewerCoordinator = "Do not start it: it is an old copy, and would decide again what was decided; the newer directory counts"

// compareCoordinator compares a coordinator with the decisions of another, for
// a copy of its directory that is to take its place. The chain root at a height
// stands for all decisions up to it.
func (l *Look) compareCoordinator(ctx context.Context, i *inspection, d Decisions) error {
	if i.decided == nil {
		return nil // what it has decided is not known
	}
	if mine := i.decided.State.Config.Cluster; mine != d.Cluster() {
		l.find(Finding{Part: PartDecisions, Do: doCluster,
			What: fmt.Sprintf("this coordinator is of cluster %s, the decisions (%s) of cluster %s", mine, d.Source(), d.Cluster())})
		return nil
	}
	common := min(i.decided.Height(), d.Height())
	if common > 0 {
		if err := l.compareRoots(ctx, i, d, common); err != nil {
			return err
		}
	}
	if i.decided.Height() < d.Height() {
		l.find(Finding{Part: PartDecisions, Height: common + 1, Do: doNewerCoordinator,
			What: fmt.Sprintf("it has decided up to height %d, the decisions (%s) go to height %d", common, d.Source(), d.Height())})
	}
	return nil
}

func (l *Look) compareRoots(ctx context.Context, i *inspection, d Decisions, h protocol.Height) error {
	mine, ok, err := i.decided.Decision(h)
	if err != nil || !ok {
		return l.damaged(err)
	}
	other, err := d.At(ctx, h)
	if err != nil {
		return err
	}
	l.Checked.Decisions++
	if mine.Root != other.Root || mine.Attempt != other.Attempt {
		l.find(Finding{Part: PartDecisions, Height: h, Do: doDivergence,
			What: fmt.Sprintf("it has decided attempt %s with root %s, the decisions (%s) have attempt %s with root %s", mine.Attempt, mine.Root, d.Source(), other.Attempt, other.Root)})
	}
	return nil
}
