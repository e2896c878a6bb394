package protocol

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"
)

// TestOverlongIsNoOtherTransaction encodes what the length fields cannot hold. Cut to 16
// bits, the length of such a key has the rest of the key read as a payload: whoever
// chooses the key would choose the transaction.
func TestOverlongIsNoOtherTransaction(t *testing.T) {
	limits := DefaultLimits()
	key := make([]byte, math.MaxUint16+2)
	key[0] = 'k'
	forged := len(key) - 1 - 4 + 4 // what follows the forged length: of the key, and an empty payload
	binary.BigEndian.PutUint32(key[1:], uint32(forged))
	many := make([]Access, math.MaxUint16+2)
	for i := range many {
		many[i] = Access{Key: binary.BigEndian.AppendUint32(nil, uint32(i)), Mode: Read}
	}
	for name, access := range map[string][]Access{"a key": {{key, Write}}, "keys": many} {
		overlong := Transaction{Access: access}
		if got, err := DecodeBody(EncodeBody([]Transaction{overlong}), limits); err == nil {
			t.Errorf("%s: as a block, %d transactions, the first of key %.10q with a payload of %d bytes", name, len(got), got[0].Access[0].Key, len(got[0].Payload))
		}
		if _, err := DecodeSubBlock(EncodeSubBlock(SubBlock{{Transaction: overlong}}), limits); err == nil {
			t.Errorf("%s: as a sub-block", name)
		}
	}
}

// TestLongestKey is encoded as it is.
func TestLongestKey(t *testing.T) {
	limits := DefaultLimits()
	limits.KeyBytes = math.MaxUint16
	key := bytes.Repeat([]byte("k"), math.MaxUint16)
	got, err := DecodeBody(EncodeBody([]Transaction{{Access: []Access{{key, Write}}}}), limits)
	if err != nil || !bytes.Equal(got[0].Access[0].Key, key) {
		t.Fatalf("%d transactions, %v", len(got), err)
	}
}
