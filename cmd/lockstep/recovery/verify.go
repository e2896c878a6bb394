package recovery

import (
	"context"
	"errors"
)

// VerifyOptions say what to compare with.
type VerifyOptions struct {
	// Decisions are what the shard, or the copy of a coordinator, is compared
	// with; nil for nothing.
	Decisions Decisions
	Progress  Progress
}

// Verify looks at everything there is in a data directory: every frame of the
// log, every value, page and digest of the database, every decision of the
// history, and that the parts belong together and continue each other. With
// decisions, it compares every height of a shard that can be compared.
func Verify(ctx context.Context, dir string, o VerifyOptions) (*Look, error) {
	look, i, err := open(dir, InspectOptions{Progress: o.Progress})
	if err != nil {
		return nil, err
	}
	look.Checked = &Checked{Records: look.Log.Count}
	err = look.verify(ctx, i, o)
	if err := errors.Join(err, i.close()); err != nil {
		return nil, err
	}
	look.conclude()
	return look, nil
}

func (l *Look) verify(ctx context.Context, i *inspection, o VerifyOptions) error {
	switch l.Role {
	case RoleShard:
		if err := l.verifyShard(i, o.Progress); err != nil || o.Decisions == nil {
			return err
		}
		return l.compareWith(ctx, i, o.Decisions)
	case RoleCoordinator:
		if err := l.verifyCoordinator(i, o.Progress); err != nil || o.Decisions == nil {
			return err
		}
		return l.compareCoordinator(ctx, i, o.Decisions)
	}
	return nil
}
