package raftlog

import (
	"encoding/binary"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/wal"
)

// Types of the records in the log. They are none of those of package protocol,
// so that a log of another kind is not taken for one of these.
const (
	entryRecord uint8 = 32
	cutRecord   uint8 = 33
)

const (
	layoutVersion = 1
	entryHeader   = 40 // bytes of an entry before its extensions
	cutBytes      = 16
)

// MaxEntryBytes bounds data and extensions of one entry together.
const MaxEntryBytes = wal.MaxRecordBytes - entryHeader

// entryBytes is the length of the record of an entry.
func entryBytes(e *raft.Log) int { return entryHeader + len(e.Extensions) + len(e.Data) }

// appendEntry appends the record of an entry. The byte table is in the package
// documentation.
func appendEntry(dst []byte, e *raft.Log) []byte {
	dst = append(dst, layoutVersion, byte(e.Type), 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(e.Extensions)))
	dst = binary.BigEndian.AppendUint64(dst, e.Index)
	dst = binary.BigEndian.AppendUint64(dst, e.Term)
	dst = binary.BigEndian.AppendUint64(dst, uint64(e.AppendedAt.Unix()))
	dst = binary.BigEndian.AppendUint32(dst, uint32(e.AppendedAt.Nanosecond()))
	dst = append(dst, 0, 0, 0, 0)
	dst = append(dst, e.Extensions...)
	return append(dst, e.Data...)
}

// decodeEntry reads a record. What it returns aliases b.
func decodeEntry(b []byte) (e raft.Log, err error) {
	if len(b) < entryHeader {
		return e, damaged("an entry of %d bytes is too short", len(b))
	}
	extensions := uint64(binary.BigEndian.Uint32(b[4:]))
	nanoseconds := binary.BigEndian.Uint32(b[32:])
	switch {
	case b[0] != layoutVersion:
		return e, damaged("an entry has version %d, not %d", b[0], layoutVersion)
	case binary.BigEndian.Uint16(b[2:]) != 0 || binary.BigEndian.Uint32(b[36:]) != 0:
		return e, damaged("an entry has set bits that must be zero")
	case extensions > uint64(len(b)-entryHeader):
		return e, damaged("an entry of %d bytes has extensions of %d", len(b), extensions)
	case nanoseconds >= uint32(time.Second):
		return e, damaged("an entry was appended at %d nanoseconds past the second", nanoseconds)
	}
	e = raft.Log{
		Type:       raft.LogType(b[1]),
		Index:      binary.BigEndian.Uint64(b[8:]),
		Term:       binary.BigEndian.Uint64(b[16:]),
		AppendedAt: time.Unix(int64(binary.BigEndian.Uint64(b[24:])), int64(nanoseconds)).UTC(), //nolint:G115 // an int64 was written, and a time before 1970 is a time too
	}
	if e.Index == 0 {
		return e, damaged("an entry has index 0")
	}
	b = b[entryHeader:]
	e.Extensions, e.Data = piece(b[:extensions]), piece(b[extensions:])
	return e, nil
}

// piece is b without room to grow into what follows; nil if it is empty.
func piece(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b[:len(b):len(b)]
}

// encodeCut returns the record that forgets all entries from an index on.
func encodeCut(index uint64) []byte {
	b := make([]byte, cutBytes)
	b[0] = layoutVersion
	binary.BigEndian.PutUint64(b[8:], index)
	return b
}

func decodeCut(b []byte) (index uint64, err error) {
	if len(b) != cutBytes || binary.BigEndian.Uint64(b) != layoutVersion<<56 {
		return 0, damaged("a cut is malformed")
	}
	return binary.BigEndian.Uint64(b[8:]), nil
}
