package sim

import (
	"encoding/binary"
	"hash/fnv"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/protocol"
)

// machine runs the transactions of a simulated cluster: those of the ledger,
// and those of a mixer, which writes a hash of everything that it may read. So
// a value that is missing, old or of another transaction shows for good.
//
// panicText is what a mixer panics with.
const panicText = "the transaction asks for it"

// The first byte of a mixer's payload says how the transaction ends.
type machine struct{ ledger ledger.Machine }

const (
	mixApply    = 'a'
	mixFail     = 'f' // always with an outcome of its own
	mixMayFail  = 'c' // if the hash says so
	mixUndeclar = 'u' // writes beyond its access list: invalid
	mixTooLong  = 'o' // writes a value over the limit: invalid
	mixPanic    = 'p' // panics: the block is rejected
	mixNoName   = 'n' // gives no outcome: the block is rejected
)

// Execute implements executor.Machine.
func (m machine) Execute(tx *executor.Tx) string {
	payload := tx.Payload()
	if len(payload) == 0 || payload[0] < 'a' {
		return m.ledger.Execute(tx)
	}
	sum := mixed(tx)
	for i := range tx.Keys() {
		change(tx, i, sum)
	}
	switch payload[0] {
	case mixPanic:
		panic(panicText)
	case mixNoName:
		return ""
	case mixUndeclar:
		tx.Put(tx.Keys(), nil)
	case mixTooLong:
		for i := range tx.Keys() {
			tx.Put(i, make([]byte, valueLimit+1))
		}
	case mixFail:
		return "failed"
	case mixMayFail:
		if sum%3 == 0 {
			return "unlucky"
		}
	}
	return protocol.OutcomeApplied
}

// mixed hashes payload and inputs.
func mixed(tx *executor.Tx) uint64 {
	h := fnv.New64a()
	h.Write(tx.Payload())
	for i := range tx.Keys() {
		h.Write(tx.Key(i))
		if !reads(tx, i) {
			continue
		}
		value, ok := tx.Get(i)
		if !ok {
			h.Write([]byte{0})
			continue
		}
		h.Write([]byte{1, byte(len(value))})
		h.Write(value)
	}
	return h.Sum64()
}

// change writes what the hash says to a key that may be written.
func change(tx *executor.Tx, i int, sum uint64) {
	if !writes(tx, i) {
		return
	}
	switch (sum >> (i % 32)) % 7 {
	case 0:
		tx.Delete(i)
	case 1: // leaves it as it was
	default:
		value := binary.BigEndian.AppendUint64(nil, mix(sum+uint64(i)))
		for uint64(len(value)) < 8+(sum>>7)%40 {
			value = append(value, value[len(value)-8])
		}
		tx.Put(i, value)
	}
}

// The modes of a mixer's keys stand in its payload, behind the first byte: a
// machine cannot ask for them.
func reads(tx *executor.Tx, i int) bool  { return tx.Payload()[1+i]&byte(protocol.Read) != 0 }
func writes(tx *executor.Tx, i int) bool { return tx.Payload()[1+i]&byte(protocol.Write) != 0 }
