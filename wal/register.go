package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A register is a small file that holds one number, next to the identity of
// the log. It has two slots, a page apart, that are written in turn and in
// place: a torn write spoils one slot and leaves the other, and needs no free
// space. The slot with the highest generation and a good checksum counts.
//
// The byte table is in the package documentation.
const (
	slotBytes     = 44
	slotStride    = 4096
	registerBytes = 2 * slotStride

	registerVersion = 1
)

// kind is what begins every slot of a register; the version follows it.
type kind [7]byte

var (
	metaKind = kind([]byte("LSWMETA"))
	markKind = kind([]byte("LSWMARK"))
)

// slot is the content of one slot.
type slot struct {
	id         ID
	generation uint64
	value      uint64
}

func (s slot) encode(k kind) []byte {
	b := make([]byte, 0, slotBytes)
	b = append(b, k[:]...)
	b = append(b, registerVersion)
	b = append(b, s.id[:]...)
	b = binary.BigEndian.AppendUint64(b, s.generation)
	b = binary.BigEndian.AppendUint64(b, s.value)
	return binary.BigEndian.AppendUint32(b, checksum(b))
}

var errSlot = errors.New("no valid slot")

func decodeSlot(b []byte, k kind) (slot, error) {
	if len(b) < slotBytes || kind(b) != k || binary.BigEndian.Uint32(b[40:]) != checksum(b[:40]) {
		return slot{}, errSlot
	}
	if b[7] != registerVersion {
		return slot{}, fmt.Errorf("version %d: %w", b[7], ErrFormat)
	}
	return slot{
		id:         ID(b[8:24]),
		generation: binary.BigEndian.Uint64(b[24:]),
		value:      binary.BigEndian.Uint64(b[32:]),
	}, nil
}

// readSlot returns the slot that counts: errSlot if there is none, an error of
// the system if the file cannot be read, and ErrFormat if a slot is newer than
// this release.
func readSlot(path string, k kind) (slot, error) {
	f, err := os.Open(path)
	if err != nil {
		return slot{}, fmt.Errorf("open register: %w", err)
	}
	defer f.Close()
	b := make([]byte, registerBytes)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return slot{}, fmt.Errorf("read register %s: %w", filepath.Base(path), err)
	}
	return currentSlot(b[:n], k)
}

func currentSlot(b []byte, k kind) (slot, error) {
	best, found := slot{}, false
	for _, at := range []int{0, slotStride} {
		s, err := decodeSlot(b[min(at, len(b)):], k)
		if errors.Is(err, ErrFormat) {
			return slot{}, err
		}
		if err == nil && (!found || s.generation > best.generation) {
			best, found = s, true
		}
	}
	if !found {
		return slot{}, errSlot
	}
	return best, nil
}

// lost reports whether err means that there is no register, or none that can
// be believed, as opposed to a failure to look.
func lost(err error) bool {
	return errors.Is(err, errSlot) || errors.Is(err, fs.ErrNotExist)
}

// register is an open register.
type register struct {
	f    *os.File
	kind kind
	slot slot // what the file holds
}

// openRegister opens a register whose slot has been read before.
func openRegister(path string, k kind, s slot) (*register, error) {
	f, err := os.OpenFile(path, os.O_RDWR, filePerms)
	if err != nil {
		return nil, fmt.Errorf("open register: %w", err)
	}
	return &register{f: f, kind: k, slot: s}, nil
}

// createRegister makes a register, durably, in place of whatever had its name.
func createRegister(dir, name string, k kind, s slot) error {
	s.generation = 1
	b := make([]byte, registerBytes)
	copy(b[slotOffset(s.generation):], s.encode(k))
	if err := replaceFile(dir, name, b); err != nil {
		return fmt.Errorf("create register: %w", err)
	}
	return nil
}

// store writes the value, not durably.
func (r *register) store(value uint64) error {
	next := slot{id: r.slot.id, generation: r.slot.generation + 1, value: value}
	if _, err := r.f.WriteAt(next.encode(r.kind), slotOffset(next.generation)); err != nil {
		return fmt.Errorf("write register: %w", err)
	}
	r.slot = next
	return nil
}

// force makes what was stored durable.
func (r *register) force() error {
	if err := r.f.Sync(); err != nil {
		return fmt.Errorf("sync register: %w", err)
	}
	return nil
}

func (r *register) close() error { return r.f.Close() }

func slotOffset(generation uint64) int64 { return int64(generation%2) * slotStride }
