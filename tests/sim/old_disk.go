package sim

import (
	"maps"
	"os"
	"path/filepath"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/state"
)

// contents is all that a shard has on its disk, at one time: its log and its
// database. A shard that is put on older contents than it had, as by a restore
// from a backup, has to be refused, unless it lacks nothing that counts.
type contents struct {
	log      *disk
	database []byte
}

// save copies what is on the disk of a shard that is down; nil if there is
// nothing that could be put back.
func (s *shard) save() *contents {
	if !s.created || s.disk.files != nil {
		return nil
	}
	database, err := os.ReadFile(s.databaseFile())
	if err != nil {
		panic(err)
	}
	d := &disk{
		shard: s, id: s.disk.id, first: s.disk.first, size: s.disk.size,
		known: protocol.NewShardRecovery(protocol.Config{}, 0, protocol.Committed{}), dropped: maps.Clone(s.disk.dropped),
	}
	d.records = append(d.records, s.disk.records...)
	d.force()
	return &contents{d, database}
}

// put replaces what is on the disk of a shard that is down.
func (s *shard) put(c *contents) {
	if err := os.WriteFile(s.databaseFile(), c.database, 0o600); err != nil {
		panic(err)
	}
	s.disk = c.log
}

func (s *shard) databaseFile() string { return filepath.Join(s.folder, state.FileName) }

// keepOld saves the contents, now and then, for a fault to come.
func (s *shard) keepOld() {
	if s.set == nil && !s.world.calm && s.world.has(OldDisk) && newChooser(s.world.seed, streamSaves, int(s.id)<<16|s.starts).percent(50) {
		s.old = s.save()
	}
}

// goBack puts a shard that is down on its old contents, and sets those that it
// has aside.
func (s *shard) goBack() {
	if s.old == nil || s.set != nil {
		return
	}
	s.set = s.save()
	s.put(s.old)
	s.old = nil
	s.world.count("old disks")
}

// promised is the log that holds what the shard has promised.
func (s *shard) promised() *disk {
	if s.set != nil {
		return s.set.log
	}
	return s.disk
}

// accept notes that the coordinator takes a shard as it is: from now on its old
// contents hold all that counts.
func (s *shard) accept(p *shardProcess) {
	if s.set == nil || p.log.disk != s.disk {
		return
	}
	s.set, p.old = nil, false
	s.shown = min(s.shown, s.disk.state.Committed.Height())
	s.world.count("old disks accepted")
	s.world.checkDurable(s)
}

// takeAway ends what runs on old contents that were refused, and puts the newer
// ones back.
func (w *world) takeAway() {
	for _, s := range w.shards {
		if s.set == nil {
			continue
		}
		if p := s.process; p != nil {
			now := p.core.Status()
			refused := now.Quarantined != "" || now.Rejected != nil && now.Rejected.Kind != protocol.RejectStale
			if !refused && !w.calm {
				continue
			}
			if refused {
				w.count("old disks refused")
			}
			s.end("has old contents")
		} else if !w.calm {
			continue
		}
		s.put(s.set)
		s.set = nil
	}
}
