package recovery

import (
	"fmt"
	"path/filepath"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/state"
	"github.com/lockstep-exec/lockstep/wal"
)

// InspectOptions say how much to show.
type InspectOptions struct {
	Records  bool // list the records of the log
	Progress Progress
}

// Inspect says what a start on the directory would bring back. Of a damaged
// directory it shows what can be read, and lists the damage. It does not read
// the database: Verify does.
func Inspect(dir string, o InspectOptions) (*Look, error) {
	look, i, err := open(dir, o)
	if err != nil {
		return nil, err
	}
	look.conclude()
	return look, i.close()
}

// inspection is a look with what it was taken from.
type inspection struct {
	facts   logFacts
	close   func() error
	shard   *shardParts       // of a shard, unless a start would refuse it
	decided *coordinatorParts // of a coordinator, likewise
}

// open looks, and leaves open what a start would take, for a closer look.
func open(dir string, o InspectOptions) (*Look, *inspection, error) {
	role, err := roleOf(dir)
	if err != nil {
		return nil, nil, err
	}
	look := &Look{Path: dir, Role: role}
	if look.FreeBytes, err = wal.FreeBytes(dir); err != nil {
		return nil, nil, err
	}
	i := &inspection{close: func() error { return nil }}
	if err := look.readParts(i, o); err != nil {
		return nil, nil, err
	}
	return look, i, nil
}

// readParts reads the log first: it says most about a damaged directory.
func (l *Look) readParts(i *inspection, o InspectOptions) (err error) {
	hasLog, err := exists(filepath.Join(l.Path, logDirectory))
	if err != nil {
		return err
	}
	if hasLog {
		if i.facts, err = l.readLog(o.Records, o.Progress); err != nil {
			return err
		}
	}
	switch l.Role {
	case RoleShard:
		return l.readShard(i)
	case RoleCoordinator:
		return l.readCoordinator(i)
	}
	l.readNobody()
	return nil
}

// readNobody judges a directory with a log without records and nothing else: a
// start that was interrupted, unless the log was in use before.
func (l *Look) readNobody() {
	if l.Log.First > 1 || len(l.Findings) > 0 {
		l.find(Finding{Part: PartDirectory, Do: doTogether,
			What: fmt.Sprintf("there is a log that was in use, but neither %s nor %s", state.FileName, history.FileName)})
		return
	}
	l.Complete = true
	l.note("nothing is in it: a start begins anew here")
}
