package wal

import (
	"fmt"
	"os"
)

// force makes durable what was found. Syncing is not enough for the records
// that nobody is known to have acknowledged: if the last process was told that
// a sync failed, the kernel counts those pages as clean, and another sync does
// nothing. So they are written again, the same bytes in the same place.
func (p *plan) force() error {
	tail := p.chain.tail()
	if p.chain.cut == nil && p.chain.unforced < tail.bytes {
		if err := rewrite(p.path(tail.name), p.chain.unforced); err != nil {
			return fmt.Errorf("write unforced records again: %w", err)
		}
	}
	for _, s := range p.chain.files {
		if err := syncPath(p.path(s.name)); err != nil {
			return fmt.Errorf("sync segment: %w", err)
		}
	}
	if err := syncPath(p.dir); err != nil {
		return fmt.Errorf("sync log directory: %w", err)
	}
	return nil
}

// rewrite writes what a file holds from offset on to the same place.
func rewrite(path string, offset int64) error {
	data, err := readSegment(path, nil)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY, filePerms)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // the caller syncs the file
	_, err = f.WriteAt(data[offset:], offset)
	return err
}
