package sim

import (
	"errors"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// batchBytes is the most values in one message between shards; small, so that
// pushes are cut into several.
const batchBytes = 200

// mostInFlight is how many messages a stream takes before somebody reads.
const mostInFlight = 16

// exchange is what package executor's Exchange is to a shard, on the network
// of the world: a link to every peer, which dials again for ever and begins at
// the front of its outbox each time.
type exchange struct {
	process *shardProcess
	cluster protocol.ClusterID
	peers   []peer // by shard
}

// peer is another shard, as one sees it.
type peer struct {
	outbox  *executor.Outbox
	address string
	link    *stream // that stands, or nil
	sent    uint64  // number of the last entry that went over it

	dialAt   time.Duration
	failures int

	streams int       // incoming ones that stand
	heard   time.Time // when the last of them ended
}

// stream carries values from one process to another. Each end learns on its
// own that it is over.
type stream struct {
	from, to         *shardProcess
	inFlight         [][]byte // as they travel
	broken           bool
	fromOver, toOver bool
}

func newExchange(p *shardProcess, shards int) *exchange {
	x := &exchange{process: p, peers: make([]peer, shards)}
	for i := range x.peers {
		x.peers[i] = peer{outbox: executor.NewOutbox(), heard: p.clock()}
	}
	return x
}

// SetPeers implements executor.Neighbours.
func (x *exchange) SetPeers(cluster protocol.ClusterID, peers []protocol.Peer) {
	x.cluster = cluster
	for _, at := range peers {
		p := &x.peers[at.Shard]
		if at.Shard == x.process.shard.id || p.address == at.Address {
			continue
		}
		if p.link != nil {
			p.link.fromOver, p.link.broken, p.link = true, true, nil
		}
		p.address, p.dialAt = at.Address, x.process.world.now
	}
}

// Push implements executor.Pusher.
func (x *exchange) Push(to protocol.ShardID, a protocol.AttemptID, values []byte) {
	x.process.operation("before a push")
	x.process.world.trace.note(x.process.name, "pushes", uint64(to), uint64(a.Height), uint64(a.Epoch), uint64(a.Attempt), uint64(len(values)))
	x.peers[to].outbox.Add(a, values)
}

// Release implements executor.Pusher.
func (x *exchange) Release(keep func(protocol.AttemptID) bool) {
	x.process.operation("before a release")
	for i := range x.peers {
		x.peers[i].outbox.Release(keep)
	}
}

// Silent implements executor.Pusher.
func (x *exchange) Silent(s protocol.ShardID) time.Duration {
	p := &x.peers[s]
	if p.streams > 0 {
		return 0
	}
	return x.process.clock().Sub(p.heard)
}

func (x *exchange) bytes() (n int) {
	for i := range x.peers {
		n += x.peers[i].outbox.Bytes()
	}
	return n
}

// canDial reports whether a link to a peer is wanted and may be tried.
func (x *exchange) canDial(to int) bool {
	p := &x.peers[to]
	return p.address != "" && p.link == nil && x.process.world.now >= p.dialAt
}

// dial opens a stream to a peer, if it is there and knows its cluster.
func (x *exchange) dial(to int) {
	w, p, target := x.process.world, &x.peers[to], x.process.world.shards[to].process
	from := int(x.process.shard.id)
	reached := target != nil && target.address == p.address && target.exchange.cluster == x.cluster &&
		!w.peerWay(from, to).blocked(w.now) && !w.peerWay(to, from).blocked(w.now)
	if !reached {
		p.failures++
		p.dialAt = w.now + x.process.wait(time.Millisecond, min(50*time.Millisecond<<min(p.failures, 8), time.Second))
		return
	}
	if p.sent > 0 {
		w.count("exchange resends")
	}
	p.link, p.sent, p.failures = &stream{from: x.process, to: target}, 0, 0
	w.streams = append(w.streams, p.link)
	target.exchange.peers[from].streams++
	w.trace.note(x.process.name, "reaches a peer", uint64(to))
}

// canPump reports whether there is something to put on the way to a peer.
func (x *exchange) canPump(to int) bool {
	p := &x.peers[to]
	if p.link == nil || p.link.broken || len(p.link.inFlight) >= mostInFlight {
		return false
	}
	_, ok, _ := p.outbox.After(p.sent)
	return ok
}

// pump sends the next entry of the outbox.
func (x *exchange) pump(to int) {
	p := &x.peers[to]
	entry, _, _ := p.outbox.After(p.sent)
	p.sent = entry.Number
	for _, values := range executor.SplitValues(entry.Values, batchBytes) {
		batch := &wirepb.ExchangeBatch{
			Attempt: &wirepb.AttemptID{Height: uint64(entry.Attempt.Height), Epoch: uint64(entry.Attempt.Epoch), Attempt: entry.Attempt.Attempt},
			Values:  values,
		}
		data, err := proto.MarshalOptions{Deterministic: true}.Marshal(&wirepb.ExchangeRequest{Request: &wirepb.ExchangeRequest_Batch{Batch: batch}})
		if err != nil {
			x.process.world.fail("wire", "%s cannot send values: %v", x.process.name, err)
		}
		p.link.inFlight = append(p.link.inFlight, data)
	}
}

// ends are the numbers of the shards at the two ends.
func (t *stream) ends() (from, to int) { return int(t.from.shard.id), int(t.to.shard.id) }

func (t *stream) canArrive(w *world) bool {
	from, to := t.ends()
	return len(t.inFlight) > 0 && !t.toOver && w.now >= t.to.busyUntil && !w.peerWay(from, to).blocked(w.now)
}

// arrive brings the next message to the receiver.
func (t *stream) arrive(w *world) {
	data := t.inFlight[0]
	t.inFlight = t.inFlight[1:]
	var request wirepb.ExchangeRequest
	if err := proto.Unmarshal(data, &request); err != nil {
		w.fail("wire", "values from %s cannot be read: %v", t.from.name, err)
	}
	batch := request.GetBatch()
	a := protocol.AttemptID{
		Height: protocol.Height(batch.GetAttempt().GetHeight()), Epoch: protocol.Epoch(batch.GetAttempt().GetEpoch()), Attempt: batch.GetAttempt().GetAttempt(),
	}
	w.trace.note(t.to.name, "gets values", uint64(t.from.shard.id), uint64(a.Height), uint64(a.Epoch), uint64(a.Attempt), uint64(len(batch.GetValues())))
	t.to.step(func() error {
		err := t.to.deliver(t.from.shard.id, a, batch.GetValues())
		switch {
		case errors.Is(err, executor.ErrEarly):
			w.count("exchange early")
			t.broken = true
			t.endTo(w)
		case err != nil:
			w.fail("exchange", "%s is told that %s sends what no correct peer sends: %v", t.to.name, t.from.name, err)
		}
		return nil
	})
}

// canEndFrom reports whether the sender could learn that the stream is over.
func (t *stream) canEndFrom(w *world) bool {
	from, to := t.ends()
	back := w.peerWay(to, from)
	return !t.fromOver && ((t.broken && !back.blocked(w.now)) || back.silent(w.now))
}

func (t *stream) endFrom(w *world) {
	_, to := t.ends()
	t.fromOver, t.broken = true, true
	if p := &t.from.exchange.peers[to]; p.link == t {
		p.link = nil
		p.failures++
		p.dialAt = w.now + t.from.wait(time.Millisecond, min(50*time.Millisecond<<min(p.failures, 8), time.Second))
	}
}

func (t *stream) canEndTo(w *world) bool {
	from, to := t.ends()
	there, back := w.peerWay(from, to), w.peerWay(to, from)
	return !t.toOver && ((t.broken && !there.blocked(w.now)) || there.silent(w.now) || back.silent(w.now))
}

func (t *stream) endTo(w *world) {
	if t.toOver {
		return
	}
	from, _ := t.ends()
	t.toOver, t.broken, t.inFlight = true, true, nil
	p := &t.to.exchange.peers[from]
	p.streams--
	p.heard = t.to.clock()
}

func (t *stream) done() bool { return t.fromOver && t.toOver }
