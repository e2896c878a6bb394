package recovery

import (
	"errors"

	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/protocol"
)

// coordinatorParts is the open directory of a stopped coordinator.
type coordinatorParts = coordinator.Offline

// readCoordinator reads what a start would bring back, or as much as can be read.
func (l *Look) readCoordinator(i *inspection) error {
	o, err := coordinator.ReadOffline(l.Path)
	if err == nil {
		i.decided, i.close = o, o.Close
		l.fillCoordinator(o)
		return nil
	}
	if errors.Is(err, history.ErrNotExist) {
		err = &history.DamageError{What: "the log has records, but there is no history: bring the file " + history.FileName + " back"}
	}
	if err := l.damaged(err); err != nil {
		return err
	}
	return l.salvageCoordinator()
}

func (l *Look) fillCoordinator(o *coordinator.Offline) {
	s := o.State
	l.Complete, l.Cluster, l.Shards, l.Epoch = true, s.Config.Cluster.String(), s.Config.Shards(), s.Epoch
	l.Height, l.CheckpointedHeight, l.Root = o.Height(), o.Kept, protocol.Digest{}.String()
	if d := s.Decided; d != nil {
		l.Root = d.Root.String()
	}
	l.fillJoined(s.Joined)
	for _, d := range o.Maybe {
		l.Maybe = append(l.Maybe, MaybeDecided{Height: d.Height(), Block: d.Key, Attempt: d.Attempt.String()})
	}
	for _, p := range s.Pending {
		l.Undecided = append(l.Undecided, Undecided{Height: p.Height, Block: p.Key, Bytes: len(p.Body)})
	}
}

func (l *Look) fillJoined(joined map[protocol.ShardID]protocol.DirectoryID) {
	l.Joined = map[uint32]string{}
	for s, d := range joined {
		l.Joined[uint32(s)] = d.String()
	}
}

// salvageCoordinator shows what the history says about itself.
func (l *Look) salvageCoordinator() error {
	h, err := history.OpenReadOnly(l.Path)
	if errors.Is(err, history.ErrNotExist) {
		return nil
	}
	if err != nil {
		return l.damaged(err)
	}
	meta := h.Meta()
	l.Cluster, l.Shards, l.Epoch = meta.Config.Cluster.String(), meta.Config.Shards(), meta.Epoch
	l.Height, l.CheckpointedHeight = h.Height(), h.Height()
	if d, err := h.Last(); err == nil && d != nil {
		l.Root = d.Root.String()
	}
	l.fillJoined(meta.Joined)
	return h.Close()
}
