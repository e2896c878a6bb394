package executor

import (
	"encoding/binary"
	"fmt"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Values that travel between shards, packed one after the other:
//
//	u32 place of the transaction in the block
//	u16 place of the key in the access list
//	u32 length of the value, or 2^32-1 if the key is absent
//	    value

const (
	absent    = 0xffff_ffff
	valueHead = 10 // what stands before a value
)

func appendValue(dst []byte, index uint32, key int, value []byte, present bool) []byte {
	dst = binary.BigEndian.AppendUint32(dst, index)
	dst = binary.BigEndian.AppendUint16(dst, uint16(key)) //nolint:G115 // a transaction was decoded with at most 65535 keys
	if !present {
		return binary.BigEndian.AppendUint32(dst, absent)
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(value)))
	return append(dst, value...)
}

// eachValue walks packed values. The values alias b.
func eachValue(b []byte, fn func(index uint32, key int, value []byte, present bool) error) error {
	for len(b) > 0 {
		if len(b) < valueHead {
			return fmt.Errorf("exchanged values: %d bytes left over", len(b))
		}
		index, key, n := binary.BigEndian.Uint32(b), binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint32(b[6:])
		b = b[valueHead:]
		present := n != absent
		if !present {
			n = 0
		}
		if uint64(n) > uint64(len(b)) {
			return fmt.Errorf("exchanged values: value of %d bytes, %d left", n, len(b))
		}
		if err := fn(index, int(key), b[:n:n], present); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// encodePushed packs what was pushed to each peer, for the Prepared record:
// (u32 shard, u32 length, packed values) …, ascending by shard.
func encodePushed(byShard [][]byte) []byte {
	size := 0
	for _, values := range byShard {
		if len(values) > 0 {
			size += 8 + len(values)
		}
	}
	if size == 0 {
		return nil
	}
	out := make([]byte, 0, size)
	for s, values := range byShard {
		if len(values) == 0 {
			continue
		}
		out = binary.BigEndian.AppendUint32(out, uint32(s))
		out = binary.BigEndian.AppendUint32(out, uint32(len(values)))
		out = append(out, values...)
	}
	return out
}

// eachPushed walks what encodePushed wrote. The values alias b.
func eachPushed(b []byte, fn func(protocol.ShardID, []byte)) error {
	for len(b) > 0 {
		if len(b) < 8 {
			return fmt.Errorf("pushed values: %d bytes left over", len(b))
		}
		s, n := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
		b = b[8:]
		if uint64(n) > uint64(len(b)) {
			return fmt.Errorf("pushed values: %d bytes for shard %d, %d left", n, s, len(b))
		}
		fn(protocol.ShardID(s), b[:n:n])
		b = b[n:]
	}
	return nil
}

// packedLen is the length of the first of packed values. The values were
// packed here, so they are whole.
func packedLen(b []byte) int {
	n := binary.BigEndian.Uint32(b[6:])
	if n == absent {
		n = 0
	}
	return valueHead + int(n)
}
