package raftsnap

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"
)

// file is a stored snapshot, open for reading.
type file struct {
	header
	id   string
	os   *os.File
	meta raft.SnapshotMeta // its size is that of the content in the file
}

// openFile opens a snapshot and checks all of it but head and appendix.
func openFile(dir string, n name) (*file, error) {
	f, err := os.Open(filepath.Join(dir, n.file()))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNotExist, n)
	}
	if err != nil {
		return nil, fmt.Errorf("open raft snapshot: %w", err)
	}
	s := &file{id: n.String(), os: f}
	if err := s.load(n); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

func (f *file) load(n name) error {
	info, err := f.os.Stat()
	if err != nil {
		return fmt.Errorf("look at raft snapshot: %w", err)
	}
	b, err := f.bytes(0, min(headerBytes, info.Size()))
	if err != nil {
		return err
	}
	if f.header, err = decodeHeader(b); err != nil {
		return damaged(f.id, "%v", err)
	}
	if want := f.content() + f.contentBytes(); info.Size() != want {
		return damaged(f.id, "it has %d bytes, not %d", info.Size(), want)
	}
	if f.index != n.index || f.term != n.term {
		return damaged(f.id, "it is of entry %d and term %d", f.index, f.term)
	}
	config, err := f.bytes(headerBytes, int64(f.configBytes))
	if err != nil {
		return err
	}
	if crc32.Checksum(config, castagnoli) != f.configSum {
		return damaged(f.id, "its configuration does not match its checksum")
	}
	f.meta = raft.SnapshotMeta{
		Version: f.version, ID: f.id, Index: f.index, Term: f.term,
		Configuration: raft.DecodeConfiguration(config), ConfigurationIndex: f.configIndex, Size: f.contentBytes(),
	}
	return nil
}

func (f *file) bytes(offset, n int64) ([]byte, error) {
	b := make([]byte, n)
	if _, err := f.os.ReadAt(b, offset); err != nil {
		return nil, fmt.Errorf("read raft snapshot %s: %w", f.id, short(err))
	}
	return b, nil
}

// head reads the head and checks it.
func (f *file) head() ([]byte, error) {
	b, err := f.bytes(f.content(), f.headEnd())
	if err != nil {
		return nil, err
	}
	if crc32.Checksum(b, castagnoli) != f.headSum {
		return nil, damaged(f.id, "its head does not match its checksum")
	}
	return b[lengthBytes:], nil
}

// checkHead compares the sum of the head without keeping it in memory.
func (f *file) checkHead() error {
	sum := crc32.New(castagnoli)
	if _, err := io.Copy(sum, io.NewSectionReader(f.os, f.content(), f.headEnd())); err != nil {
		return fmt.Errorf("read raft snapshot %s: %w", f.id, err)
	}
	if sum.Sum32() != f.headSum {
		return damaged(f.id, "its head does not match its checksum")
	}
	return nil
}

func (f *file) close() error { return f.os.Close() }
