package replica

import (
	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Identity says who this replica is; its cluster is zero while that is not known.
func (r *Replica) Identity() Identity { return r.identity() }

func (r *Replica) identity() Identity {
	return Identity{Cluster: r.Config().Cluster, Name: r.options.Name, Directory: r.directory}
}

// expect gives the directory that a name is bound to. A member that has just
// started has applied nothing of its log until it hears what is committed; what is
// written there counts, so that nobody with another directory elects it.
func (r *Replica) expect(name string) (protocol.DirectoryID, bool) {
	s, _ := r.machine.State()
	d, ok := s.Enrolled[name]
	if !ok {
		d, ok = r.noted[name]
	}
	return d, ok
}

// readEnrolled notes the members that the log enrolls behind a snapshot.
func (r *Replica) readEnrolled(snapshot, last uint64) error {
	r.noted = map[string]protocol.DirectoryID{}
	first, err := r.stores.Log.FirstIndex()
	if err != nil {
		return err
	}
	for i := max(first, snapshot+1); i <= last; i++ {
		var entry raft.Log
		if err := r.stores.Log.GetLog(i, &entry); err != nil {
			return err
		}
		if entry.Type != raft.LogCommand {
			continue
		}
		e, err := DecodeEntry(entry.Data)
		if err != nil {
			continue // it counts nowhere
		}
		for _, item := range e.Items {
			if enrolled, ok := item.(Enrolled); ok {
				r.noted[enrolled.Name] = enrolled.Directory
			}
		}
	}
	return nil
}

// fresh reports whether the log holds nothing but the members that this one was
// started with, which are entry 1.
func (r *Replica) fresh() bool { return r.raft.LastIndex() <= 1 }
