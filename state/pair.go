package state

import (
	"encoding/binary"
	"hash/crc32"
)

// sealBytes is what a stored value is longer than the value itself.
const sealBytes = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum covers the key, so that a value that ends up under another key is
// found, not only a changed one.
func checksum(key, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
}

// appendSealed appends the stored form of a value: u32 CRC32C(key || value),
// big-endian, then the value.
func appendSealed(dst, key, value []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, checksum(key, value))
	return append(dst, value...)
}

// unseal verifies a stored value and gives the value in it, which aliases
// stored. An error is a *DamageError with a copy of the key.
func unseal(key, stored []byte) ([]byte, error) {
	if len(stored) < sealBytes {
		return nil, damagedPair(key, "value shorter than its checksum")
	}
	value := stored[sealBytes:]
	if binary.BigEndian.Uint32(stored) != checksum(key, value) {
		return nil, damagedPair(key, "checksum mismatch")
	}
	return value, nil
}

func damagedPair(key []byte, what string) error {
	return &DamageError{What: what, Key: append([]byte{}, key...)}
}
