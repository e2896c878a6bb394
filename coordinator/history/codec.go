package history

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"

	"github.com/lockstep-exec/lockstep/protocol"
)

// formatVersion begins the meta record.
const formatVersion = 1

// sumBytes is the length of the checksum in front of every stored value.
const sumBytes = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum covers the key too, so that a value under a wrong key is found.
func checksum(key, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
}

// seal gives the stored form of a value.
func seal(key, value []byte) []byte {
	stored := make([]byte, sumBytes, sumBytes+len(value))
	binary.BigEndian.PutUint32(stored, checksum(key, value))
	return append(stored, value...)
}

// unseal gives the value in a stored form, or says why it is not sound.
func unseal(key, stored []byte) (value []byte, why string) {
	if len(stored) < sumBytes {
		return nil, "value is shorter than its checksum"
	}
	value = stored[sumBytes:]
	if binary.BigEndian.Uint32(stored) != checksum(key, value) {
		return nil, "checksum does not match"
	}
	return value, ""
}

func heightBytes(h protocol.Height) []byte { return binary.BigEndian.AppendUint64(nil, uint64(h)) }

// decodeHeight reads eight bytes; ok is false for any other number.
func decodeHeight(b []byte) (h protocol.Height, ok bool) {
	if len(b) != 8 {
		return 0, false
	}
	return protocol.Height(binary.BigEndian.Uint64(b)), true
}

// decodeDecision reads the stored form of the decision for a height.
func decodeDecision(h protocol.Height, stored []byte) (*protocol.Decision, error) {
	value, why := unseal(heightBytes(h), stored)
	if why != "" {
		return nil, damagedAt(h, "%s", why)
	}
	rec, err := protocol.DecodeRecord(protocol.RecordDecided, value)
	if err != nil {
		return nil, &DamageError{Height: h, What: "decision cannot be read", Err: err}
	}
	d := rec.(*protocol.Decision)
	if d.Height() != h {
		return nil, damagedAt(h, "holds the decision for height %d", d.Height())
	}
	return d, nil
}

// encodeTip gives the value of the meta record.
func encodeTip(t tip) []byte {
	b := binary.BigEndian.AppendUint16(nil, formatVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(t.height))
	b = append(b, t.root[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(t.meta.Epoch))
	b = append(b, t.meta.Log.ID[:]...)
	b = binary.BigEndian.AppendUint64(b, t.meta.Log.Keep)
	b = binary.BigEndian.AppendUint64(b, t.meta.Log.Forced)
	b = binary.BigEndian.AppendUint16(b, uint16(len(t.meta.Joined))) //nolint:G115 // one for a shard at most, of MaxShards
	for _, s := range slices.Sorted(maps.Keys(t.meta.Joined)) {
		directory := t.meta.Joined[s]
		b = binary.BigEndian.AppendUint32(b, uint32(s))
		b = append(b, directory[:]...)
	}
	return append(b, t.meta.Config.Encode()...)
}

// decodeTip reads what encodeTip wrote. The attempt is not part of it.
func decodeTip(value []byte) (tip, error) {
	f := fields{rest: value}
	if v := f.u16(); f.short || v != formatVersion {
		return tip{}, fmt.Errorf("version %d: %w", v, ErrFormat)
	}
	var t tip
	t.height = protocol.Height(f.u64())
	f.fill(t.root[:])
	t.meta.Epoch = protocol.Epoch(f.u64())
	f.fill(t.meta.Log.ID[:])
	t.meta.Log.Keep = f.u64()
	t.meta.Log.Forced = f.u64()
	t.meta.Joined = map[protocol.ShardID]protocol.DirectoryID{}
	ascending := true
	next := protocol.ShardID(0)
	for range f.u16() {
		var directory protocol.DirectoryID
		s := protocol.ShardID(f.u32())
		f.fill(directory[:])
		ascending = ascending && s >= next
		t.meta.Joined[s], next = directory, s+1
	}
	switch {
	case f.short:
		return tip{}, damaged("meta record is too short")
	case !ascending:
		return tip{}, damaged("meta record lists shards out of order")
	}
	config, err := protocol.DecodeConfig(f.rest)
	if err != nil {
		return tip{}, &DamageError{What: "meta record", Err: err}
	}
	t.meta.Config = config
	if err := t.meta.validate(); err != nil {
		return tip{}, &DamageError{What: "meta record", Err: err}
	}
	return t, nil
}

// fields cuts fixed fields off a record. After the end it gives zeros and
// notes that the record was short.
type fields struct {
	rest  []byte
	short bool
}

func (f *fields) fill(dst []byte) {
	if len(f.rest) < len(dst) {
		f.rest, f.short = nil, true
		return
	}
	copy(dst, f.rest)
	f.rest = f.rest[len(dst):]
}

func (f *fields) u16() uint16 {
	var b [2]byte
	f.fill(b[:])
	return binary.BigEndian.Uint16(b[:])
}

func (f *fields) u32() uint32 {
	var b [4]byte
	f.fill(b[:])
	return binary.BigEndian.Uint32(b[:])
}

func (f *fields) u64() uint64 {
	var b [8]byte
	f.fill(b[:])
	return binary.BigEndian.Uint64(b[:])
}
