package rpc_test

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
)

// Many shards come and go while everybody sends and closes what it likes. For
// the race detector, the leak detector, and the order of callbacks.
func TestSessionsUnderChurn(t *testing.T) {
	const seed = 7
	c := startCoordinator(t, func(o *rpc.SessionServerOptions) { o.QueueMessages = 50 })
	p := startProxy(t, c.address)
	var shards sync.WaitGroup
	for i := range 8 {
		s := startShard(t, p.address())
		shards.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			for n := range 10 {
				_, here := awaitMessage[*protocol.Welcome](s.recorder, n+1)
				for range random.IntN(30) {
					s.client.Send(protocol.Envelope{Session: here.session, Epoch: 1, Message: protocol.Ack{}})
				}
				switch random.IntN(3) {
				case 0:
					p.reset()
				case 1:
					sendTo(c, random)
				}
				s.client.Close(here.session, "churn")
			}
			s.stop()
		})
	}
	shards.Wait()
	checkOrder(t, c.all())
}

// sendTo sends a lot to some session that exists or once did.
func sendTo(c *coordinator, random *rand.Rand) {
	events := c.all()
	target := events[random.IntN(len(events))].session
	for h := range protocol.Height(random.IntN(80)) {
		c.sessions.Send(protocol.Envelope{Session: target, Epoch: 1, Message: execute(h+1, random.IntN(300<<10)+4)})
	}
	c.sessions.Close(target, "churn")
}
