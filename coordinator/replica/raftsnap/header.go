package raftsnap

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/hashicorp/raft"
)

const (
	magic         = "LSRSNAP\x01" // the last byte is the format version
	headerBytes   = 76
	maxConfigSize = 1 << 20
)

// kind says what a file holds.
type kind uint32

const (
	headAlone    kind = 1
	withAppendix kind = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// header begins every file. The byte table is in the package documentation.
type header struct {
	version       raft.SnapshotVersion
	kind          kind
	index, term   uint64
	configIndex   uint64
	headBytes     uint64
	appendixBytes uint64
	configBytes   uint32
	configSum     uint32
	headSum       uint32 // over the length too
	appendixSum   uint32
}

// content is where the content begins in the file.
func (h *header) content() int64 { return headerBytes + int64(h.configBytes) }

// headEnd is where the head ends in the content, which its length begins.
func (h *header) headEnd() int64 {
	return lengthBytes + int64(h.headBytes) //nolint:G115 // at most MaxHeadBytes
}

func (h *header) appendixLength() int64 {
	return int64(h.appendixBytes) //nolint:G115 // decodeHeader has bounded it, or else there are so many bytes
}

// contentBytes is the length of the content.
func (h *header) contentBytes() int64 { return h.headEnd() + h.appendixLength() }

func (h *header) encode() []byte {
	b := append(make([]byte, 0, headerBytes), magic...)
	b = binary.BigEndian.AppendUint32(b, uint32(h.version))
	b = binary.BigEndian.AppendUint32(b, uint32(h.kind))
	for _, v := range []uint64{h.index, h.term, h.configIndex, h.headBytes, h.appendixBytes} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	for _, v := range []uint32{h.configBytes, h.configSum, h.headSum, h.appendixSum} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// decodeHeader reads what encode wrote. It believes no field before the sum has
// been compared.
func decodeHeader(b []byte) (h header, err error) {
	switch {
	case len(b) < headerBytes:
		return h, fmt.Errorf("its header has %d bytes, not %d", len(b), headerBytes)
	case crc32.Checksum(b[:72], castagnoli) != binary.BigEndian.Uint32(b[72:]):
		return h, fmt.Errorf("its header does not match its checksum")
	case string(b[:8]) != magic:
		return h, fmt.Errorf("its format %q is not known to this release", b[:8])
	}
	u32, u64 := binary.BigEndian.Uint32, binary.BigEndian.Uint64
	h = header{
		version: raft.SnapshotVersion(u32(b[8:])), kind: kind(u32(b[12:])),
		index: u64(b[16:]), term: u64(b[24:]), configIndex: u64(b[32:]),
		headBytes: u64(b[40:]), appendixBytes: u64(b[48:]),
		configBytes: u32(b[56:]), configSum: u32(b[60:]), headSum: u32(b[64:]), appendixSum: u32(b[68:]),
	}
	switch {
	case h.version != 1:
		return h, fmt.Errorf("version %d of raft snapshots is not known to this release", h.version)
	case h.kind != headAlone && h.kind != withAppendix, (h.kind == withAppendix) != (h.appendixBytes > 0):
		return h, fmt.Errorf("it is of kind %d with an appendix of %d bytes", h.kind, h.appendixBytes)
	case h.headBytes > MaxHeadBytes, h.appendixBytes > math.MaxInt64/2, h.configBytes > maxConfigSize:
		return h, fmt.Errorf("it has impossible lengths")
	}
	return h, nil
}
