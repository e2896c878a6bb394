package wal

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
)

// ID is the identity of one log: random, drawn when the log is created, and
// part of every frame, so that files of two logs are never taken for one.
type ID [16]byte

// String returns 32 hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Record is one typed payload.
type Record struct {
	Type uint8  // the caller's, 1 to 255
	Data []byte // at most MaxRecordBytes; may be empty
}

const (
	frameVersion = 1
	headerBytes  = 52
	maxEntry     = binary.MaxVarintLen64 + headerBytes + MaxRecordBytes
)

var (
	magic      = [4]byte{0x8d, 'L', 'S', 'W'}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// Flaws of a frame that a crash can leave: bytes that were never written, or
// were written in part.
var (
	errTorn      = errors.New("frame ends beyond the end of the file")
	errPrefix    = errors.New("length in front of the frame does not fit the frame")
	errMagic     = errors.New("no frame begins here")
	errHeaderSum = errors.New("checksum of the frame header differs")
	errBodySum   = errors.New("checksum of the frame body differs")
)

// Flaws that no crash leaves: the header is exactly as some log wrote it, yet
// it is not what belongs here.
var (
	errVersion  = errors.New("frame has an unknown format version")
	errForeign  = errors.New("frame belongs to another log")
	errSequence = errors.New("frame has another sequence")
	errDurable  = errors.New("frame claims a durable sequence that cannot be")
	errHeader   = errors.New("frame header has impossible fields")
)

// crashShaped reports whether a crash may explain the flaw.
func crashShaped(err error) bool {
	switch err {
	case errTorn, errPrefix, errMagic, errHeaderSum, errBodySum: //nolint:errorlint // decoding gives these errors as they are
		return true
	}
	return false
}

// header is the part of a frame that precedes its body. The byte table is in
// the package documentation.
type header struct {
	typ     uint8
	id      ID
	seq     uint64
	durable uint64 // Invariant: durable < seq
	length  uint32 // of the body, in bytes
	bodySum uint32
}

// appendFrame appends header and body, sums included.
func appendFrame(dst []byte, h header, body []byte) []byte {
	start := len(dst)
	dst = append(dst, magic[:]...)
	dst = append(dst, frameVersion, h.typ, 0, 0)
	dst = append(dst, h.id[:]...)
	dst = binary.BigEndian.AppendUint64(dst, h.seq)
	dst = binary.BigEndian.AppendUint64(dst, h.durable)
	dst = binary.BigEndian.AppendUint32(dst, h.length)
	dst = binary.BigEndian.AppendUint32(dst, h.bodySum)
	dst = binary.BigEndian.AppendUint32(dst, checksum(dst[start:]))
	return append(dst, body...)
}

// decodeHeader reads the header at the start of b. It allocates nothing and
// believes no field before the checksum has been compared.
func decodeHeader(b []byte) (header, error) {
	if len(b) < headerBytes {
		return header{}, errTorn
	}
	if [4]byte(b) != magic {
		return header{}, errMagic
	}
	if binary.BigEndian.Uint32(b[48:]) != checksum(b[:48]) {
		return header{}, errHeaderSum
	}
	if b[4] != frameVersion {
		return header{}, errVersion
	}
	h := header{
		typ:     b[5],
		id:      ID(b[8:24]),
		seq:     binary.BigEndian.Uint64(b[24:]),
		durable: binary.BigEndian.Uint64(b[32:]),
		length:  binary.BigEndian.Uint32(b[40:]),
		bodySum: binary.BigEndian.Uint32(b[44:]),
	}
	if h.typ == 0 || b[6] != 0 || b[7] != 0 || h.length > MaxRecordBytes || h.durable >= h.seq {
		return header{}, errHeader
	}
	return h, nil
}

// decodeFrame reads the frame at the start of b. The body aliases b.
func decodeFrame(b []byte) (header, []byte, error) {
	h, err := decodeHeader(b)
	if err != nil {
		return h, nil, err
	}
	if uint64(len(b)-headerBytes) < uint64(h.length) {
		return h, nil, errTorn
	}
	body := b[headerBytes : headerBytes+int(h.length)]
	if checksum(body) != h.bodySum {
		return h, nil, errBodySum
	}
	return h, body, nil
}

// decodeEntry reads one entry of a segment file, which is a frame with its
// length in front, and returns the size of the whole in bytes. The body
// aliases b.
func decodeEntry(b []byte) (h header, body []byte, size int, err error) {
	length, n := binary.Uvarint(b)
	if n == 0 {
		return h, nil, 0, errTorn
	}
	if n < 0 || n != uvarintBytes(length) {
		return h, nil, 0, errPrefix
	}
	h, body, err = decodeFrame(b[n:])
	if err != nil {
		return h, nil, 0, err
	}
	if length != uint64(headerBytes+len(body)) {
		return h, nil, 0, errPrefix
	}
	return h, body, n + headerBytes + len(body), nil
}

// entryBytes is the size in a segment file of a record with a body of n bytes.
func entryBytes(n int) int64 {
	frame := headerBytes + n
	return int64(uvarintBytes(uint64(frame)) + frame)
}

func uvarintBytes(x uint64) int {
	n := 1
	for ; x >= 0x80; x >>= 7 {
		n++
	}
	return n
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }
