package recovery

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/state"
)

// held keeps daemons away from a directory: they want the lock of the database
// for themselves alone.
type held struct{ files []*os.File }

// hold takes a share in the locks of the databases that a directory has. It
// does not wait.
func hold(dir string) (*held, error) {
	h := &held{}
	for name, inUse := range map[string]error{state.FileName: state.ErrLocked, history.FileName: history.ErrLocked} {
		f, err := os.Open(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			h.release()
			return nil, err
		}
		h.files = append(h.files, f)
		err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = fmt.Errorf("%s: %w", dir, inUse)
		}
		if err != nil {
			h.release()
			return nil, err
		}
	}
	return h, nil
}

// release gives the locks up.
func (h *held) release() {
	for _, f := range h.files {
		f.Close() //nolint:errcheck // it gives up the lock, and nothing was written
	}
}
