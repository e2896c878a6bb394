package state

import (
	"fmt"
	"io"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Backup writes a copy of the database to w, as it is at the last checkpoint,
// and gives the height of it. The copy is a database in its own right, with
// the same directory id. The store goes on meanwhile; like a long view, a
// backup makes the file grow by what is written during it.
func (s *Store) Backup(w io.Writer) (protocol.Height, error) {
	v, _, err := s.viewNewest()
	if err != nil {
		return 0, fmt.Errorf("backup: %w", err)
	}
	defer v.Close()
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.snapshot == nil {
		return 0, fmt.Errorf("backup: %w", ErrClosed)
	}
	if _, err := v.snapshot.tx.WriteTo(w); err != nil {
		return 0, fmt.Errorf("backup of height %d: %w", v.base, err)
	}
	return v.base, s.poison()
}
