package history

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// spareBytes is what stays free beside an append: for branch pages, for the
// list of free pages, and for what the estimate misses.
const spareBytes = 1 << 20

// checkSpace refuses an append that the disk might not hold. One that ran out
// of space half way would poison the history and end the coordinator, whereas a
// later one costs nothing: the log keeps what the history lacks.
func (h *History) checkSpace(w write) error {
	ask := h.opts.freeBytes
	if ask == nil {
		ask = h.freeBytes
	}
	free, err := ask()
	if err != nil {
		return nil // nothing speaks against it
	}
	if need := w.mostBytes(int64(h.bolt.Info().PageSize)) + spareBytes; free < need {
		return fmt.Errorf("%d bytes free, %d wanted: %w", free, need, ErrNoSpace)
	}
	return nil
}

// mostBytes is an upper estimate of what the file grows by. Each block key may
// touch a page of its own, which bbolt writes anew; new pages may be half
// empty, and a decision is rounded up to whole pages if it is large.
func (w write) mostBytes(pageBytes int64) int64 {
	bytes := pageBytes
	for i := range w.heights {
		bytes += 2*int64(len(w.heights[i].stored)+len(w.keys[i].key)) + pageBytes
	}
	return bytes
}

func (h *History) freeBytes() (int64, error) {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(h.file.Fd()), &fs); err != nil {
		return 0, err
	}
	return int64(fs.Bavail) * int64(fs.Bsize), nil //nolint:G115 // no file system has that many blocks
}
