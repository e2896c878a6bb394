package raftlog

import "fmt"

// logIDKey holds the identity of the log that the votes belong to. raft has no
// such key.
var logIDKey = []byte("lockstep/log")

// Bind makes sure, before raft starts, that log and stable store are of one
// coordinator: one that lost either has forgotten entries or votes that it gave
// its word for. The first time, both must be new. Otherwise it is ErrStrangers.
func Bind(l *Log, s *Stable) error {
	id := l.ID()
	bound, err := s.Get(logIDKey)
	switch {
	case err != nil:
		return fmt.Errorf("compare log and votes: %w", err)
	case bound == nil && l.wal.Last() > 0:
		return fmt.Errorf("%w: the log has been written to, the votes are new", ErrStrangers)
	case bound == nil:
		return s.Set(logIDKey, id[:])
	case string(bound) != string(id[:]):
		return fmt.Errorf("%w: the votes belong to log %x, this is log %s", ErrStrangers, bound, id)
	}
	return nil
}
