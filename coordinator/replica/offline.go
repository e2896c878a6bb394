package replica

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/coordinator/replica/raftlog"
	"github.com/lockstep-exec/lockstep/coordinator/replica/raftsnap"
	"github.com/lockstep-exec/lockstep/protocol"
)

// Offline is the data directory of a stopped member, opened to be looked at.
// Nothing on the disk is changed.
//
// What only the log of one member holds may be committed or not: with others in
// the group nobody can tell from this disk alone. So there are two states. What
// Certain says is committed: it comes from the history, from a snapshot, from
// entries up to the one that the history was written at, and, if the member was
// alone, from all others. Newest is what comes of all entries.
type Offline struct {
	Name      string
	Directory protocol.DirectoryID
	Members   []Member // of the newest configuration in the log
	Certain   State
	Newest    State
	Older     []*protocol.Decision // in the log and in the history, which agree
	Log       raftlog.Survey
	History   *history.History // nil if there is none
}

// ReadOffline opens the data directory of a stopped member. It refuses what a
// start would refuse, except for what only history.Verify finds, and a directory
// that is in use.
func ReadOffline(dir string) (o *Offline, err error) {
	if err := checkPlain(dir); err != nil {
		return nil, err
	}
	o = &Offline{}
	var ok bool
	if o.Name, o.Directory, ok, err = readMember(dir); err != nil {
		return nil, err
	}
	if !ok {
		if err := refuseOlder(dir); err != nil {
			return nil, err
		}
		return nil, mismatch("%s holds no %s: it is no data directory of a coordinator", dir, MemberFile)
	}
	o.History, err = history.OpenReadOnly(dir)
	if err != nil && !errors.Is(err, history.ErrNotExist) {
		return nil, fmt.Errorf("open the history: %w", err)
	}
	if err := o.read(dir); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	return o, nil
}

// Close lets go of the directory.
func (o *Offline) Close() error {
	if o.History == nil {
		return nil
	}
	return o.History.Close()
}

func (o *Offline) read(dir string) error {
	snapshot, err := readNewest(dir)
	if err != nil {
		return err
	}
	entries, err := o.scan(dir, &snapshot)
	if err != nil {
		return err
	}
	if err := raftlog.CheckStable(dir, o.Log.ID); err != nil {
		return stableError(dir, err)
	}
	if err := checkFirst(dir, o.Log.FirstIndex, snapshot.index); err != nil {
		return err
	}
	last := max(o.Log.LastIndex, snapshot.index)
	if o.History != nil {
		if err := checkHistory(dir, o.History.Meta(), last); err != nil {
			return err
		}
	}
	if err := o.replay(snapshot, entries); err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	return o.compare()
}

// snapshotHead is the newest snapshot without the history that may follow.
type snapshotHead struct {
	index         uint64
	state         State
	configuration raft.Configuration
}

// readNewest reads the head of the newest snapshot; zero if there is none.
func readNewest(dir string) (h snapshotHead, err error) {
	newest, err := raftsnap.ReadNewest(filepath.Join(dir, SnapshotDirectory))
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil // the log tells whether there were any
	}
	if err != nil || newest == nil {
		return h, err
	}
	h.index, h.configuration = newest.Meta.Index, newest.Meta.Configuration
	h.state, _, err = decodeHead(newest.Head)
	return h, err
}

// scan reads the entries behind the snapshot, and the newest configuration.
func (o *Offline) scan(dir string, s *snapshotHead) (entries []raft.Log, err error) {
	configuration := s.configuration
	o.Log, err = raftlog.Scan(filepath.Join(dir, LogDirectory), func(l *raft.Log) error {
		switch {
		case l.Index <= s.index:
		case l.Type == raft.LogConfiguration:
			configuration = raft.DecodeConfiguration(l.Data)
		case l.Type == raft.LogCommand:
			entry := *l
			entry.Data = append([]byte(nil), l.Data...)
			entries = append(entries, entry)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	for _, server := range configuration.Servers {
		o.Members = append(o.Members, memberOf(server))
	}
	return entries, nil
}

// replay brings both states up to date.
func (o *Offline) replay(s snapshotHead, entries []raft.Log) error {
	committed := s.index
	if o.History != nil {
		committed = max(committed, o.History.Meta().Log.Forced)
	}
	alone := len(o.Members) == 1 && o.Members[0].Name == o.Name
	certain, newest := NewMachine(s.state, s.index), NewMachine(s.state, s.index)
	for _, entry := range entries {
		// One that does not count changes nothing.
		if err := newest.Apply(entry.Index, entry.Data); errors.Is(err, ErrUnreadable) {
			return err
		}
		if alone || entry.Index <= committed {
			_ = certain.Apply(entry.Index, entry.Data)
		}
	}
	o.Certain, _ = certain.State()
	o.Newest, _ = newest.State()
	return nil
}

// compare finds a history that belongs to another log.
func (o *Offline) compare() error {
	if o.History == nil {
		if o.Certain.Kept() > 0 {
			return mismatch("the log builds on a history up to height %d, which is missing: bring the file %s back", o.Certain.Kept(), history.FileName)
		}
		return nil
	}
	if config := o.History.Meta().Config; !o.Newest.Config.IsZero() && !config.Equal(o.Newest.Config) {
		return mismatch("the log is of cluster %s, the history of cluster %s: bring back the one that goes with the other", o.Newest.Config.Cluster, config.Cluster)
	}
	for _, s := range []*State{&o.Certain, &o.Newest} {
		for len(s.Recent) > 0 && s.Recent[0].Height() <= o.History.Height() {
			if err := sameDecision(o.History, s.Recent[0]); err != nil {
				return err
			}
			if s == &o.Newest {
				o.Older = append(o.Older, s.Recent[0])
			}
			s.Forget(s.Recent[0].Height())
		}
		if o.History.Height() < s.Kept() && s.Kept() > 0 && len(s.Recent) > 0 {
			return mismatch("the history ends at height %d, the log continues it at height %d: bring the newer history back", o.History.Height(), s.Recent[0].Height())
		}
	}
	return nil
}
