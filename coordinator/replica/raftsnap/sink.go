package raftsnap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"sync"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/wal"
)

// sink is a snapshot being written. Its methods may be called from several
// goroutines, one after the other.
type sink struct {
	store  *Store
	name   name
	path   string // of the unfinished file
	config []byte

	mu      sync.Mutex
	header  header
	file    *os.File
	length  [lengthBytes]byte
	written int64 // bytes of the content
	failed  error // of a Write; the content is not to be used
	done    bool
	result  error // of the first Close or Cancel
}

// Create begins a snapshot as of an entry. Only version 1 is known.
func (s *Store) Create(version raft.SnapshotVersion, index, term uint64, configuration raft.Configuration,
	configurationIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	if version != 1 {
		return nil, fmt.Errorf("create raft snapshot: version %d is not known to this release", version)
	}
	config := raft.EncodeConfiguration(configuration)
	if len(config) > maxConfigSize {
		return nil, fmt.Errorf("create raft snapshot: a configuration of %d bytes is longer than %d", len(config), maxConfigSize)
	}
	k := &sink{store: s, config: config, header: header{
		version: version, index: index, term: term, configIndex: configurationIndex,
		configBytes: uint32(len(config)), configSum: crc32.Checksum(config, castagnoli),
	}}
	return k, k.begin()
}

// begin takes the next number and makes the file, with room for the header.
func (k *sink) begin() error {
	s := k.store
	s.mu.Lock()
	defer s.mu.Unlock()
	s.number++
	k.name = name{index: k.header.index, term: k.header.term, number: s.number}
	k.path = filepath.Join(s.dir, k.name.file()+tempSuffix)
	f, err := os.OpenFile(k.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, filePerms)
	if err != nil {
		return fmt.Errorf("create raft snapshot: %w", err)
	}
	if _, err := f.Seek(k.header.content(), 0); err != nil {
		return errors.Join(fmt.Errorf("create raft snapshot: %w", err), f.Close(), os.Remove(k.path))
	}
	k.file = f
	return nil
}

// ID names the snapshot.
func (k *sink) ID() string { return k.name.String() }

// Write adds to the content. The first error is the last: it is that of every
// later Write and of Close.
func (k *sink) Write(p []byte) (n int, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.done {
		return 0, ErrClosed
	}
	if k.failed == nil {
		k.failed = k.checkFloor(len(p))
	}
	for len(p) > 0 && k.failed == nil {
		var m int
		m, k.failed = k.write(p)
		n, p = n+m, p[m:]
	}
	return n, k.failed
}

// write takes what belongs to one part of the content: the length of the head,
// the head, or the appendix.
func (k *sink) write(p []byte) (n int, err error) {
	headEnd := k.header.headEnd()
	switch {
	case k.written < lengthBytes:
		p = p[:min(int64(len(p)), lengthBytes-k.written)]
		copy(k.length[k.written:], p)
		if k.written+int64(len(p)) == lengthBytes {
			k.header.headBytes = binary.BigEndian.Uint64(k.length[:])
		}
		if k.header.headBytes > MaxHeadBytes {
			return 0, tooLong(k.header.headBytes)
		}
		k.header.headSum = crc32.Update(k.header.headSum, castagnoli, p)
	case k.written < headEnd:
		p = p[:min(int64(len(p)), headEnd-k.written)]
		k.header.headSum = crc32.Update(k.header.headSum, castagnoli, p)
	default:
		k.header.appendixBytes += uint64(len(p))
		k.header.appendixSum = crc32.Update(k.header.appendixSum, castagnoli, p)
	}
	if n, err = k.file.Write(p); err != nil {
		return n, fmt.Errorf("write raft snapshot: %w", err)
	}
	k.written += int64(n)
	return n, nil
}

func (k *sink) checkFloor(more int) error {
	if k.store.opts.FloorBytes == 0 {
		return nil
	}
	free, err := wal.FreeBytes(k.store.dir)
	if err != nil {
		return err
	}
	if free-int64(more) < k.store.opts.FloorBytes {
		return fmt.Errorf("%w: %d bytes above a floor of %d, free are %d", ErrNoSpace, more, k.store.opts.FloorBytes, free)
	}
	return nil
}

// Close makes the snapshot durable and removes older ones. If a newer one has
// come in the meantime, this one is removed instead. After an error there is no
// such snapshot, or one that a loss of power may take away. Every further call
// returns the same.
func (k *sink) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.done {
		return k.result
	}
	k.done = true
	if k.result = k.finish(); k.result != nil {
		os.Remove(k.path) //nolint:errcheck // the error before it counts, and the next start removes what is left
	}
	return k.result
}

// Cancel removes an unfinished snapshot. After Close it does nothing.
func (k *sink) Cancel() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.done {
		return nil
	}
	k.done, k.result = true, ErrClosed
	if err := errors.Join(k.file.Close(), os.Remove(k.path)); err != nil {
		return fmt.Errorf("cancel raft snapshot: %w", err)
	}
	return nil
}

func (k *sink) finish() error {
	err := k.seal()
	if err = errors.Join(err, k.file.Close()); err != nil {
		return err
	}
	s := k.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := os.Rename(k.path, filepath.Join(s.dir, k.name.file())); err != nil {
		return fmt.Errorf("name raft snapshot: %w", err)
	}
	if err := syncDirectory(s.dir); err != nil {
		return fmt.Errorf("name raft snapshot: %w", err)
	}
	return s.removeOlder()
}

// seal writes header and configuration, and forces the file.
func (k *sink) seal() error {
	h := &k.header
	if k.failed != nil {
		return k.failed
	}
	if k.written < lengthBytes || k.written < h.headEnd() {
		return fmt.Errorf("%w: its content has %d bytes, its head %d", ErrIncomplete, k.written, h.headBytes)
	}
	h.kind = headAlone
	if h.appendixBytes > 0 {
		h.kind = withAppendix
	}
	if _, err := k.file.WriteAt(append(h.encode(), k.config...), 0); err != nil {
		return fmt.Errorf("write raft snapshot: %w", err)
	}
	if err := k.file.Sync(); err != nil {
		return fmt.Errorf("sync raft snapshot: %w", err)
	}
	return nil
}
