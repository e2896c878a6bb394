package boltfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// ErrNotBolt: the file has no valid meta page.
var ErrNotBolt = errors.New("not a bbolt file")

const (
	magic   = 0xed0cdaed
	version = 2

	headerBytes  = 16
	metaBytes    = 64
	elementBytes = 16
	bucketBytes  = 16

	branchType   = 0x01
	leafType     = 0x02
	metaType     = 0x04
	freelistType = 0x10

	noFreelist = 1<<64 - 1
)

// Page sizes that bbolt can have.
const (
	minPageBytes = 1 << 10
	maxPageBytes = 16 << 20
)

// maxOverflowBytes bounds what is read, and allocated, for one page because its
// header says so. Values are far smaller, and so is the freelist of a file
// below 100 GiB.
const maxOverflowBytes = 256 << 20

// File is an open file. It is not safe for concurrent use.
type File struct {
	r         io.ReaderAt
	pageBytes int64
	meta      meta
	broken    []Finding // about the meta pages
}

// Finding is something wrong with the structure of the file.
type Finding struct {
	Page uint64 // where
	What string
}

func (f Finding) String() string { return fmt.Sprintf("page %d: %s", f.Page, f.What) }

// meta is what a meta page says.
type meta struct {
	pageBytes uint32
	root      uint64
	freelist  uint64
	pages     uint64 // pages in use or free have lower ids
	tx        uint64
}

// Open reads the meta pages of a file of the given size. As bbolt does, it
// goes by the newer one that is valid.
func Open(r io.ReaderAt, size int64) (*File, error) {
	f := &File{r: r}
	second := int64(0)
	if m, err := readMeta(r, 0); err == nil {
		f.meta, second = m, int64(m.pageBytes)
	} else {
		f.broken = append(f.broken, Finding{0, err.Error()})
	}
	if err := f.readSecondMeta(second, size); err != nil {
		return nil, err
	}
	f.pageBytes = int64(f.meta.pageBytes)
	if have := uint64(size / f.pageBytes); f.meta.pages > have {
		f.broken = append(f.broken, Finding{have, fmt.Sprintf("the file ends here, but should have %d pages", f.meta.pages)})
		f.meta.pages = have
	}
	return f, nil
}

// readSecondMeta looks for the second meta page at the given offset, or, if
// that is 0 because the first is broken, at all where it can be.
func (f *File) readSecondMeta(offset, size int64) error {
	if offset > 0 {
		m, err := readMeta(f.r, offset)
		if err != nil {
			f.broken = append(f.broken, Finding{1, err.Error()})
		} else if m.tx > f.meta.tx {
			f.meta = m
		}
		return nil
	}
	for offset = minPageBytes; offset <= maxPageBytes && offset < size; offset *= 2 {
		if m, err := readMeta(f.r, offset); err == nil && int64(m.pageBytes) == offset {
			f.meta = m
			return nil
		}
	}
	return fmt.Errorf("%w: %s", ErrNotBolt, f.broken[0].What)
}

func readMeta(r io.ReaderAt, offset int64) (m meta, err error) {
	var b [headerBytes + metaBytes]byte
	if _, err := r.ReadAt(b[:], offset); err != nil {
		return meta{}, fmt.Errorf("read meta page: %w", err)
	}
	body := b[headerBytes:]
	m = meta{
		pageBytes: binary.LittleEndian.Uint32(body[8:]),
		root:      binary.LittleEndian.Uint64(body[16:]),
		freelist:  binary.LittleEndian.Uint64(body[32:]),
		pages:     binary.LittleEndian.Uint64(body[40:]),
		tx:        binary.LittleEndian.Uint64(body[48:]),
	}
	sum := fnv.New64a()
	sum.Write(body[:56])
	switch {
	case binary.LittleEndian.Uint32(body) != magic:
		return meta{}, errors.New("meta page has no magic number")
	case binary.LittleEndian.Uint32(body[4:]) != version:
		return meta{}, fmt.Errorf("meta page has version %d, not %d", binary.LittleEndian.Uint32(body[4:]), version)
	case sum.Sum64() != binary.LittleEndian.Uint64(body[56:]):
		return meta{}, errors.New("meta page does not match its checksum")
	case m.pageBytes < minPageBytes || m.pageBytes > maxPageBytes || m.pageBytes&(m.pageBytes-1) != 0:
		return meta{}, fmt.Errorf("meta page has page size %d", m.pageBytes)
	}
	return m, nil
}
