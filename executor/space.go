package executor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/outage"
	"github.com/lockstep-exec/lockstep/wal"
)

// spaceInterval is how often the free space is looked at.
const spaceInterval = 250 * time.Millisecond

// watchSpace tells the machine when there is too little space to prepare, and
// when there is enough again (rule S9). What is prepared can still commit.
func (s *Shard) watchSpace(ctx context.Context) {
	if s.options.MinFreeBytes < 0 {
		return
	}
	tick := time.NewTicker(spaceInterval)
	defer tick.Stop()
	obstructed, trouble := false, outage.New(s.logger, time.Now)
	for {
		reason := s.lacksSpace()
		if reason != "" {
			trouble.Warn("this shard refuses to prepare", "reason", reason)
		} else {
			trouble.Over("there is enough free space again, this shard prepares")
		}
		if low := reason != ""; low != obstructed {
			obstructed = low
			s.post(protocol.Obstructed{Reason: reason})
		}
		s.post(s.room()) // else a block that was refused for want of it would be for ever
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Shard) lacksSpace() string {
	free, err := wal.FreeBytes(s.options.Directory)
	switch {
	case err != nil:
		return err.Error()
	case free < s.options.MinFreeBytes:
		return fmt.Sprintf("%d MiB are free where shard %d keeps its data, it wants %d MiB to prepare anything: free some space, it goes on by itself",
			free>>20, s.options.Shard, s.options.MinFreeBytes>>20)
	}
	return ""
}

// withRoom tells the machine, before results of executions, how much may be
// written for them (rule S9): large heights that end together would fill the
// disk between two looks of watchSpace.
func (s *Shard) withRoom(events []protocol.Event) []protocol.Event {
	executed := func(ev protocol.Event) bool { _, ok := ev.(protocol.Executed); return ok }
	if s.options.MinFreeBytes < 0 || !slices.ContainsFunc(events, executed) {
		return events
	}
	return slices.Insert(events, 0, protocol.Event(s.room()))
}

// room measures what may be written.
func (s *Shard) room() protocol.Room {
	free, err := wal.FreeBytes(s.options.Directory)
	if err != nil {
		free = 0 // watchSpace says why
	}
	return protocol.Room{Bytes: free - s.options.MinFreeBytes}
}
