package sim

import (
	"encoding/binary"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
)

// servedTooOld: values for peers are those of a height below the right one.
func servedTooOld(w *world, into *Wraps) {
	into.Pusher = func(at Place, p executor.Pusher) executor.Pusher { return oldPusher{p, w, at} }
}

type oldPusher struct {
	executor.Pusher
	world *world
	at    Place
}

func (p oldPusher) Push(to protocol.ShardID, a protocol.AttemptID, values []byte) {
	b := p.world.blockOf(a)
	if b != nil && a.Height >= 2 && a.Height-2 <= p.world.height() {
		values = p.older(b, a.Height-2, values)
	}
	p.Pusher.Push(to, a, values)
}

func (p oldPusher) older(b *protocol.Block, h protocol.Height, values []byte) []byte {
	transactions, err := protocol.DecodeBody(b.Body, limits())
	if err != nil {
		panic(err)
	}
	var changed []byte
	for _, v := range unpack(values) {
		key := transactions[v.index].Access[v.place].Key
		old, _ := p.world.reference.at(key, h)
		if string(old.value) != string(v.value) || old.present != v.present {
			p.at.Count("planted")
		}
		v.value, v.present = old.value, old.present
		changed = v.pack(changed)
	}
	return changed
}

// neverReleased: what was pushed is kept for ever.
func neverReleased(_ *world, into *Wraps) {
	into.Pusher = func(at Place, p executor.Pusher) executor.Pusher { return hoarder{p, at} }
}

type hoarder struct {
	executor.Pusher
	at Place
}

func (h hoarder) Release(func(protocol.AttemptID) bool) { h.at.Count("planted") }

// deliveredToNext: a value that came for an attempt is taken for the one that
// begins after it as well.
func deliveredToNext(_ *world, into *Wraps) {
	into.Deliver = func(at Place, deliver Deliver) Deliver {
		type source struct {
			from  protocol.ShardID
			index uint32
			place uint16
		}
		came := map[source]packed{}
		of := map[source]protocol.AttemptID{}
		return func(from protocol.ShardID, a protocol.AttemptID, values []byte) error {
			var taken []byte
			for _, v := range unpack(values) {
				s := source{from, v.index, v.place}
				switch before, ok := of[s]; {
				case ok && before.Compare(a) < 0 && a.Height <= before.Height+1:
					if string(came[s].value) != string(v.value) || came[s].present != v.present {
						at.Count("planted")
					}
					taken = came[s].pack(taken)
				default:
					taken = v.pack(taken)
				}
				came[s], of[s] = v, a
			}
			return deliver(from, a, taken)
		}
	}
}

// packed is a value as it travels between shards: place of the transaction in
// the block (4 bytes) and of the key in its access list (2), length (4; all bits
// set if the key is absent), bytes.
type packed struct {
	index   uint32
	place   uint16
	value   []byte
	present bool
}

const packedAbsent = 1<<32 - 1

func unpack(b []byte) (values []packed) {
	for len(b) > 0 {
		v := packed{index: binary.BigEndian.Uint32(b), place: binary.BigEndian.Uint16(b[4:]), present: true}
		n := binary.BigEndian.Uint32(b[6:])
		if n == packedAbsent {
			v.present, n = false, 0
		}
		v.value = b[10 : 10+n]
		values, b = append(values, v), b[10+n:]
	}
	return values
}

func (v packed) pack(to []byte) []byte {
	to = binary.BigEndian.AppendUint32(to, v.index)
	to = binary.BigEndian.AppendUint16(to, v.place)
	if !v.present {
		return binary.BigEndian.AppendUint32(to, packedAbsent)
	}
	return append(binary.BigEndian.AppendUint32(to, uint32(len(v.value))), v.value...)
}

// moodyShard brings to light that outcomes are not compared: shard 0 has an
// outcome of its own for some transactions that others execute as well.
func moodyShard(w *world, into *Wraps) {
	into.Machine = func(at Place, m executor.Machine) executor.Machine {
		if at.Shard != 0 {
			return m
		}
		return moody{m, w, at}
	}
}

type moody struct {
	executor.Machine
	world *world
	at    Place
}

func (m moody) Execute(tx *executor.Tx) string {
	outcome := m.Machine.Execute(tx)
	if payload := tx.Payload(); outcome == protocol.OutcomeApplied && len(payload) > 0 && payload[0] == mixApply && m.shared(tx) {
		m.at.Count("caused")
		return "in no mood"
	}
	return outcome
}

// shared reports whether several shards execute a transaction of the mixer.
func (m moody) shared(tx *executor.Tx) bool {
	executors := map[protocol.ShardID]bool{}
	for i := range tx.Keys() {
		if writes(tx, i) {
			executors[m.world.config.Slots.Owner(tx.Key(i))] = true
		}
	}
	return len(executors) > 1
}
