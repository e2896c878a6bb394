package replica

import (
	"encoding/binary"
	"fmt"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Types of the records that replicas write for themselves, beside those of
// package protocol. The numbers are part of the format.
const (
	recordEnrolled protocol.RecordType = 64
	recordNeeded   protocol.RecordType = 65
)

// Enrolled binds the name of a member to its data directory, for good.
type Enrolled struct {
	Name      string
	Directory protocol.DirectoryID
}

// Needed tells the lowest height whose decision a resync may still ask for
// (C7); it never goes back.
type Needed struct{ Height protocol.Height }

// Item is what an entry holds: a protocol.Record of a coordinator, an Enrolled
// or a Needed.
type Item any

// maxNameBytes bounds the name of a member.
const maxNameBytes = 64

// typeOf gives the type of an item.
func typeOf(item Item) protocol.RecordType {
	switch item := item.(type) {
	case Enrolled:
		return recordEnrolled
	case Needed:
		return recordNeeded
	case protocol.Record:
		return item.RecordType()
	}
	panic(fmt.Sprintf("a %T has no place in an entry", item))
}

// appendItem appends the bytes of an item, without its type.
func appendItem(b []byte, item Item) []byte {
	switch item := item.(type) {
	case Enrolled:
		return append(append(b, item.Directory[:]...), item.Name...)
	case Needed:
		return binary.BigEndian.AppendUint64(b, uint64(item.Height))
	case protocol.Record:
		return protocol.AppendRecord(b, item)
	}
	panic(fmt.Sprintf("a %T has no place in an entry", item))
}

// roomFor is about how many bytes an item takes.
func roomFor(item Item) int {
	if r, ok := item.(protocol.Record); ok {
		return protocol.RecordRoom(r)
	}
	return len(protocol.DirectoryID{}) + maxNameBytes
}

// decodeItem reads what appendItem wrote. Byte slices in the result alias b.
func decodeItem(t protocol.RecordType, b []byte) (Item, error) {
	switch t {
	case recordEnrolled:
		e := Enrolled{}
		if len(b) <= len(e.Directory) || len(b) > len(e.Directory)+maxNameBytes {
			return nil, fmt.Errorf("%w: record of a member of %d bytes", protocol.ErrMalformed, len(b))
		}
		copy(e.Directory[:], b)
		e.Name = string(b[len(e.Directory):])
		return e, nil
	case recordNeeded:
		if len(b) != 8 {
			return nil, fmt.Errorf("%w: height of %d bytes", protocol.ErrMalformed, len(b))
		}
		return Needed{protocol.Height(binary.BigEndian.Uint64(b))}, nil
	}
	return protocol.DecodeRecord(t, b)
}
