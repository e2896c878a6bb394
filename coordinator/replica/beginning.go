package replica

import "github.com/hashicorp/raft"

// beginLog writes the members that a new group begins with as the first entry of an
// empty log, unless this member joins another group.
func (r *Replica) beginLog(config *raft.Config) error {
	s := r.stores
	if len(r.options.Members) == 0 {
		return nil
	}
	exists, err := raft.HasExistingState(s.Log, s.Stable, s.Snapshots)
	if err != nil {
		return err
	}
	if !exists {
		return raft.BootstrapCluster(config, s.Log, s.Stable, s.Snapshots, r.transport, r.first())
	}
	half, err := r.halfBegun()
	if err != nil || !half {
		return err
	}
	return s.Log.StoreLog(&raft.Log{Index: 1, Term: firstTerm, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(r.first())})
}

// The term that a log begins with, and the key under which raft keeps its term.
const firstTerm = 1

var termKey = []byte("CurrentTerm")

// halfBegun reports whether a crash came between the two steps of raft, which notes
// the first term and then writes the entry: a start would take that for a log that
// exists, and wait for others. Nobody stands for election in the first term, so this
// member has promised nothing in it.
func (r *Replica) halfBegun() (bool, error) {
	term, err := r.stores.Stable.GetUint64(termKey)
	if err != nil || term != firstTerm {
		return false, err
	}
	last, err := r.stores.Log.LastIndex()
	if err != nil || last > 0 {
		return false, err
	}
	snapshots, err := r.stores.Snapshots.List()
	return len(snapshots) == 0, err
}

// first is the configuration that a new group begins with.
func (r *Replica) first() raft.Configuration {
	var c raft.Configuration
	for _, m := range r.options.Members {
		c.Servers = append(c.Servers, raft.Server{ID: raft.ServerID(m.Name), Address: addressOf(m)})
	}
	return c
}
