package raftsnap

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/hashicorp/raft"
)

const (
	dirPerms  = 0o700
	filePerms = 0o600
)

var _ raft.SnapshotStore = (*Store)(nil)

// Options of Open.
type Options struct {
	// Appendix opens what follows the head of a snapshot that was made here
	// when it goes to another member: its exact size in bytes, and a reader
	// that the store closes. nil means that there is nothing to follow.
	Appendix func() (size int64, r io.ReadCloser, err error)

	// FloorBytes is the free space of the file system that a snapshot must
	// leave. Zero means no check.
	FloorBytes int64
}

// Store is a directory of snapshots. It is safe for concurrent use.
type Store struct {
	dir  string
	opts Options

	mu     sync.Mutex // orders changes of the directory
	number uint64     // of the last snapshot that was begun
}

// Open opens the snapshots in dir, and creates it if need be. It removes what a
// crash has left, after a check of the newest snapshot: if that is damaged, it
// is ErrDamaged, and nothing was changed.
func Open(dir string, opts Options) (*Store, error) {
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	found, temps, err := names(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, opts: opts}
	if len(found) > 0 {
		if _, err := read(dir, found[0]); err != nil {
			return nil, err
		}
	}
	if err := syncDirectory(dir); err != nil {
		return nil, err
	}
	for _, temp := range temps {
		if err := os.Remove(filepath.Join(dir, temp)); err != nil {
			return nil, fmt.Errorf("remove unfinished raft snapshot: %w", err)
		}
	}
	for i, n := range found {
		s.number = max(s.number, n.number)
		if i == 0 {
			continue
		}
		if err := os.Remove(filepath.Join(dir, n.file())); err != nil {
			return nil, fmt.Errorf("remove older raft snapshot: %w", err)
		}
	}
	return s, nil
}

// List describes the snapshots, the newest first. The size is that of the
// content in the file, without an appendix that Open would add.
func (s *Store) List() ([]*raft.SnapshotMeta, error) {
	found, _, err := names(s.dir)
	if err != nil {
		return nil, err
	}
	var list []*raft.SnapshotMeta
	for _, n := range found {
		f, err := openFile(s.dir, n)
		if errors.Is(err, ErrNotExist) { // a newer one has come
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, &f.meta)
		if err := f.close(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Open opens a snapshot with its appendix. The size in the meta is exactly that
// of what can be read. The head is checked before Open returns, a stored
// appendix at its end.
func (s *Store) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	n, ok := parseName(id)
	if !ok {
		return nil, nil, fmt.Errorf("%w: %q", ErrNotExist, id)
	}
	f, err := openFile(s.dir, n)
	if err != nil {
		return nil, nil, err
	}
	r, err := s.stream(f)
	if err != nil {
		return nil, nil, errors.Join(err, f.close())
	}
	return &f.meta, r, nil
}

// removeOlder removes all snapshots but the newest, which is durable. What
// cannot be removed now goes with the next one, or at the next start. Callers
// hold mu.
func (s *Store) removeOlder() error {
	found, _, err := names(s.dir)
	if err != nil {
		return err
	}
	for _, n := range found[min(1, len(found)):] {
		os.Remove(filepath.Join(s.dir, n.file())) //nolint:errcheck // it goes with the next one, or at the next start
	}
	return nil
}

// makeDir creates the directory, durably.
func makeDir(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	if err := os.Mkdir(dir, dirPerms); err != nil {
		return fmt.Errorf("create directory of raft snapshots: %w", err)
	}
	return syncDirectory(filepath.Dir(dir))
}

func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}
