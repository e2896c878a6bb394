package replica

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"

	"github.com/lockstep-exec/lockstep/protocol"
)

// ErrHead is wrapped when the head of a snapshot is not what was written.
var ErrHead = errors.New("head of the snapshot is damaged")

// A version begins the head of every snapshot. The first has no acts of operators,
// and is written as long as there are none, so that older releases can read it.
const (
	headVersion         = 1
	headVersionResolved = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encodeHead gives the head of a snapshot: the state, with the decisions above
// the height up to which the history has them. It grows with what is open, and
// not with the age of the cluster.
//
//	u8     version, 1 or 2
//	u64    epoch, u64 number of the last entry
//	u64    raft index of the last entry that was applied
//	u64    lowest height needed
//	bytes  configuration, empty before the cluster is made
//	u32    shards that joined, and for each, ascending: u32 shard, 16 directory
//	u32    members enrolled, and for each, ascending: bytes name, 16 directory
//	bytes  highest decision, empty before the first
//	u32    decisions that the history may lack, and for each: bytes
//	u32    proposals, and for each: bytes
//	u32    acts of operators, and for each: bytes (version 2)
//	u32    CRC-32C of all of that
//
// where bytes is a u32 length and as many bytes.
func encodeHead(s State, applied uint64) []byte {
	size := 64 << 10
	for _, p := range s.Pending {
		size += protocol.RecordRoom(p) // nearly all that there is
	}
	version := byte(headVersion)
	if len(s.Resolved) > 0 {
		version = headVersionResolved
	}
	b := append(make([]byte, 0, size), version)
	for _, v := range []uint64{uint64(s.Mark.Epoch), s.Mark.Number, applied, uint64(s.Needed)} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	var config []byte
	if !s.Config.IsZero() {
		config = s.Config.Encode()
	}
	b = appendBytes(b, config)
	b = binary.BigEndian.AppendUint32(b, uint32(len(s.Joined)))
	for _, shard := range slices.Sorted(maps.Keys(s.Joined)) {
		directory := s.Joined[shard]
		b = append(binary.BigEndian.AppendUint32(b, uint32(shard)), directory[:]...)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(s.Enrolled)))
	for _, name := range slices.Sorted(maps.Keys(s.Enrolled)) {
		directory := s.Enrolled[name]
		b = append(appendBytes(b, []byte(name)), directory[:]...)
	}
	if s.Decided == nil {
		b = appendBytes(b, nil)
	} else {
		b = appendRecord(b, s.Decided)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(s.Recent)))
	for _, d := range s.Recent {
		b = appendRecord(b, d)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(s.Pending)))
	for _, p := range s.Pending {
		b = appendRecord(b, p)
	}
	if version == headVersionResolved {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s.Resolved)))
		for _, r := range s.Resolved {
			b = appendRecord(b, r)
		}
	}
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func appendBytes(b, more []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(more))), more...)
}

func appendRecord(b []byte, r protocol.Record) []byte {
	head := len(b)
	b = protocol.AppendRecord(append(b, make([]byte, 4)...), r)
	binary.BigEndian.PutUint32(b[head:], uint32(len(b)-head-4))
	return b
}

// decodeHead reads what encodeHead wrote.
func decodeHead(b []byte) (s State, applied uint64, err error) {
	if len(b) < 5 || b[0] != headVersion && b[0] != headVersionResolved {
		return State{}, 0, fmt.Errorf("%w: %d bytes without a known version", ErrHead, len(b))
	}
	body := b[:len(b)-4]
	if crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(b[len(b)-4:]) {
		return State{}, 0, fmt.Errorf("%w: its checksum does not match", ErrHead)
	}
	r := headReader{rest: body[1:]}
	s.Mark.Epoch, s.Mark.Number = protocol.Epoch(r.u64()), r.u64()
	s.Epoch = s.Mark.Epoch
	applied, s.Needed = r.u64(), protocol.Height(r.u64())
	if config := r.bytes(); len(config) > 0 {
		c, err := protocol.DecodeConfig(config)
		r.note(err)
		s.Config = c
	}
	for range r.count(4 + 16) {
		shard := protocol.ShardID(r.u32())
		s.Joined = with(s.Joined, shard, r.directory())
	}
	for range r.count(4 + 16) {
		name := string(r.bytes())
		s.Enrolled = with(s.Enrolled, name, r.directory())
	}
	s.Decided = readRecord[*protocol.Decision](&r, protocol.RecordDecided, true)
	for range r.count(4) {
		s.Recent = append(s.Recent, readRecord[*protocol.Decision](&r, protocol.RecordDecided, false))
	}
	for range r.count(4) {
		s.Pending = append(s.Pending, readRecord[*protocol.Proposed](&r, protocol.RecordProposed, false))
	}
	if b[0] == headVersionResolved {
		for range r.count(4) {
			s.Resolved = append(s.Resolved, readRecord[*protocol.Resolved](&r, protocol.RecordResolved, false))
		}
	}
	if r.err == nil && len(r.rest) > 0 {
		r.note(fmt.Errorf("%d bytes are left over", len(r.rest)))
	}
	if r.err != nil {
		return State{}, 0, fmt.Errorf("%w: %w", ErrHead, r.err)
	}
	return s, applied, nil
}

// headReader cuts fields off a head. The first error sticks; after it every
// field is zero.
type headReader struct {
	rest []byte
	err  error
}

func (r *headReader) note(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *headReader) take(n uint64) []byte {
	if r.err == nil && n > uint64(len(r.rest)) {
		r.err = errors.New("it is too short")
	}
	if r.err != nil {
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *headReader) u32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *headReader) u64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *headReader) bytes() []byte { return r.take(uint64(r.u32())) }

func (r *headReader) directory() (d protocol.DirectoryID) {
	copy(d[:], r.take(uint64(len(d))))
	return d
}

// count reads how many elements of at least so many bytes follow.
func (r *headReader) count(bytes int) int {
	n := int(r.u32())
	if r.err == nil && n > len(r.rest)/bytes {
		r.err = errors.New("it is too short")
	}
	if r.err != nil {
		return 0
	}
	return n
}

// readRecord reads a record of one type; an empty one is nil, if it may be.
func readRecord[R protocol.Record](r *headReader, t protocol.RecordType, mayBeEmpty bool) (none R) {
	b := r.bytes()
	if r.err != nil || len(b) == 0 && mayBeEmpty {
		return none
	}
	record, err := protocol.DecodeRecord(t, b)
	if err != nil {
		r.note(err)
		return none
	}
	return record.(R)
}
