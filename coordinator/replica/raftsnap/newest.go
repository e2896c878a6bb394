package raftsnap

import (
	"errors"

	"github.com/hashicorp/raft"
)

// Snapshot is a stored snapshot without its appendix.
type Snapshot struct {
	Meta raft.SnapshotMeta // the size is that of the content in the file
	Head []byte
	// AppendixBytes is the length of the appendix in the file, 0 if the snapshot
	// was made here.
	AppendixBytes int64
}

// Newest reads the newest snapshot; nil if there is none.
func (s *Store) Newest() (*Snapshot, error) { return ReadNewest(s.dir) }

// ReadNewest reads the newest snapshot in a directory, for tools too: it
// changes nothing. It returns nil if there is none.
func ReadNewest(dir string) (*Snapshot, error) {
	for {
		found, _, err := names(dir)
		if err != nil || len(found) == 0 {
			return nil, err
		}
		s, err := read(dir, found[0])
		if errors.Is(err, ErrNotExist) { // a newer one has come
			continue
		}
		return s, err
	}
}

// read reads one snapshot.
func read(dir string, n name) (s *Snapshot, err error) {
	f, err := openFile(dir, n)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	head, err := f.head()
	if err != nil {
		return nil, err
	}
	return &Snapshot{Meta: f.meta, Head: head, AppendixBytes: f.appendixLength()}, nil
}
