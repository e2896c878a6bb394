package rpc_test

import (
	"fmt"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wire"
)

// BenchmarkSession sends blocks to one shard, each acknowledged before the
// next, over loopback: what a block of that size costs on its way.
func BenchmarkSession(b *testing.B) {
	for _, size := range []int{1 << 10, 1 << 20, 16 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			acks := make(chan struct{}, 1)
			c, at := benchPair(b, acks)
			x := execute(1, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				c.sessions.Send(protocol.Envelope{Session: at, Epoch: 1, Message: x})
				<-acks
			}
		})
	}
}

// benchPair gives a coordinator with one shard, which acknowledges every block.
func benchPair(b *testing.B, acks chan<- struct{}) (*coordinator, protocol.Session) {
	c := startCoordinator(b)
	welcome := c.on
	c.on = func(ev event) {
		welcome(ev)
		if _, ack := ev.env.Message.(protocol.Ack); ack {
			acks <- struct{}{}
		}
	}
	c.forget = true
	startShard(b, c.address, func(o *rpc.SessionClientOptions) {
		s := o.Handler.(*shard)
		hello := s.on
		s.forget = true
		s.on = func(ev event) {
			hello(ev)
			if _, block := ev.env.Message.(*protocol.Execute); block {
				s.client.Send(protocol.Envelope{Session: ev.session, Epoch: 1, Message: protocol.Ack{}})
			}
		}
	})
	_, at := awaitMessage[*protocol.Hello](c.recorder, 1)
	return c, at.session
}

func BenchmarkMarshalExecute(b *testing.B) {
	env := protocol.Envelope{Epoch: 1, Message: execute(1, 1<<20)}
	b.SetBytes(1 << 20)
	for b.Loop() {
		_, data, err := wire.Marshal(env)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := wire.UnmarshalToShard(data, wire.Bounds{}); err != nil {
			b.Fatal(err)
		}
	}
}
