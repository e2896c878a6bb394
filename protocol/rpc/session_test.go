package rpc_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
)

func TestSessionCarriesMessages(t *testing.T) {
	c := startCoordinator(t)
	s := startShard(t, c.address)
	_, at := awaitMessage[*protocol.Hello](c.recorder, 1)
	welcome, here := awaitMessage[*protocol.Welcome](s.recorder, 1)
	if !welcome.Config.Equal(testConfig()) {
		t.Errorf("another configuration came: %+v", welcome.Config)
	}
	if at.session == 0 || at.session == here.session {
		t.Errorf("sessions %d and %d in one process", at.session, here.session)
	}
	s.client.Send(protocol.Envelope{Session: here.session, Epoch: 1, Message: protocol.Ack{Committed: 1}})
	if ack, _ := awaitMessage[protocol.Ack](c.recorder, 1); ack.Committed != 1 {
		t.Errorf("got %+v", ack)
	}
	s.stop()
	c.awaitKind("closed", 1)
	for _, r := range []*recorder{c.recorder, s.recorder} {
		checkOrder(t, r.all())
	}
}

// checkOrder: opened first and once, closed last and once, per session.
func checkOrder(t *testing.T, events []event) {
	t.Helper()
	state := map[protocol.Session]string{}
	for i, ev := range events {
		before := state[ev.session]
		sound := ev.kind == "opened" && before == "" || ev.kind == "received" && before == "opened" || ev.kind == "closed" && before == "opened"
		if !sound {
			t.Fatalf("event %d of session %d is %q after %q", i, ev.session, ev.kind, before)
		}
		if ev.kind != "received" {
			state[ev.session] = ev.kind
		}
		if (ev.reason != nil) != (ev.kind == "closed") {
			t.Fatalf("event %d has reason %v", i, ev.reason)
		}
	}
}

// While a block that no window holds is on its way to a shard that is busy, a Commit that
// is sent after it arrives before it, and everything else stays in order.
func TestCommitOvertakesBlock(t *testing.T) {
	c := startCoordinator(t)
	c.on = nil
	s := startShard(t, c.address)
	_, at := awaitMessage[*protocol.Hello](c.recorder, 1)
	send := func(m protocol.Message) {
		c.sessions.Send(protocol.Envelope{Session: at.session, Epoch: 1, Message: m})
	}
	s.hold(true)
	send(&protocol.Welcome{Config: testConfig()})
	awaitMessage[*protocol.Welcome](s.recorder, 1) // now the reader is held up
	send(execute(2, 8<<20))
	send(protocol.Abort{Attempt: attempt(2)})
	send(commit(1))
	s.hold(false)
	awaitMessage[protocol.Abort](s.recorder, 1)
	var order []string
	for _, ev := range s.all() {
		switch m := ev.env.Message.(type) {
		case protocol.Commit:
			order = append(order, "commit")
		case protocol.Abort:
			order = append(order, "abort")
		case *protocol.Execute:
			order = append(order, "execute")
			if len(m.SubBlock) != 8<<20 || m.SubBlock[8<<20-1] != 2 {
				t.Error("the block was damaged")
			}
		}
	}
	if got := strings.Join(order, " "); got != "commit execute abort" {
		t.Errorf("arrived: %s", got)
	}
}

// S10: Send never waits, and a queue that is full ends the session; the shard
// comes back.
func TestOverflowEndsSession(t *testing.T) {
	for name, limit := range map[string]serverOption{
		"bytes":    func(o *rpc.SessionServerOptions) { o.QueueBytes = 10 << 20 },
		"messages": func(o *rpc.SessionServerOptions) { o.QueueMessages = 5 },
	} {
		t.Run(name, func(t *testing.T) {
			c := startCoordinator(t, limit)
			s := startShard(t, c.address)
			_, at := awaitMessage[*protocol.Hello](c.recorder, 1)
			awaitMessage[*protocol.Welcome](s.recorder, 1)
			s.hold(true)
			for h := range protocol.Height(20) {
				c.sessions.Send(protocol.Envelope{Session: at.session, Epoch: 1, Message: execute(h+1, 2<<20)})
			}
			if ev := c.awaitKind("closed", 1); !errors.Is(ev.reason, rpc.ErrOverflow) || ev.session != at.session {
				t.Errorf("closed: %+v", ev)
			}
			c.sessions.Send(protocol.Envelope{Session: at.session, Epoch: 1, Message: commit(1)}) // lost
			s.hold(false)
			awaitMessage[*protocol.Welcome](s.recorder, 2)
			checkOrder(t, s.all())
		})
	}
}

// One message that is larger than the whole queue can still be sent.
func TestMessageLargerThanQueue(t *testing.T) {
	c := startCoordinator(t, func(o *rpc.SessionServerOptions) { o.QueueBytes = 1 << 10 })
	s := startShard(t, c.address)
	_, at := awaitMessage[*protocol.Hello](c.recorder, 1)
	awaitMessage[*protocol.Welcome](s.recorder, 1)
	c.sessions.Send(protocol.Envelope{Session: at.session, Epoch: 1, Message: execute(1, 1<<20)})
	awaitMessage[*protocol.Execute](s.recorder, 1)
}

func TestServerCloseFlushes(t *testing.T) {
	c := startCoordinator(t, func(o *rpc.SessionServerOptions) { o.Flush = patience })
	s := startShard(t, c.address, func(o *rpc.SessionClientOptions) { o.Flush = patience })
	_, at := awaitMessage[*protocol.Hello](c.recorder, 1)
	awaitMessage[*protocol.Welcome](s.recorder, 1)
	c.sessions.Send(protocol.Envelope{Session: at.session, Epoch: 1, Message: execute(1, 6<<20)})
	c.sessions.Send(protocol.Envelope{Session: at.session, Epoch: 1, Message: protocol.Reject{Kind: protocol.RejectStale, Reason: "too old"}})
	c.sessions.Close(at.session, "a newer coordinator exists")
	c.sessions.Send(protocol.Envelope{Session: at.session, Epoch: 1, Message: commit(1)}) // too late
	awaitMessage[*protocol.Execute](s.recorder, 1)
	awaitMessage[protocol.Reject](s.recorder, 1)
	if ev := s.awaitKind("closed", 1); !strings.Contains(ev.reason.Error(), "a newer coordinator exists") {
		t.Errorf("the shard was told: %v", ev.reason)
	}
	if ev := c.awaitKind("closed", 1); !errors.Is(ev.reason, rpc.ErrClosed) {
		t.Errorf("the coordinator was told: %v", ev.reason)
	}
	for _, ev := range s.all() {
		if _, late := ev.env.Message.(protocol.Commit); late {
			t.Error("a message that was sent after Close has arrived")
		}
	}
}

func TestClientCloseFlushes(t *testing.T) {
	c := startCoordinator(t, func(o *rpc.SessionServerOptions) { o.Flush = patience })
	s := startShard(t, c.address, func(o *rpc.SessionClientOptions) { o.Flush = patience })
	_, here := awaitMessage[*protocol.Welcome](s.recorder, 1)
	codes := make([]byte, 1_000_000)
	for i := range codes {
		codes[i] = byte(i % 2)
	}
	s.client.Send(protocol.Envelope{Session: here.session, Epoch: 1, Message: &protocol.Vote{
		Attempt: attempt(1), Yes: true, Outcomes: protocol.Outcomes{Names: []string{"applied"}, Codes: codes}}})
	s.client.Send(protocol.Envelope{Session: here.session, Epoch: 1, Message: protocol.Quarantined{Reason: "digests differ"}})
	s.client.Close(here.session, "quarantined")
	awaitMessage[*protocol.Vote](c.recorder, 1)
	awaitMessage[protocol.Quarantined](c.recorder, 1)
	if ev := c.awaitKind("closed", 1); !errors.Is(ev.reason, rpc.ErrLeft) {
		t.Errorf("the coordinator was told: %v", ev.reason)
	}
	if ev := s.awaitKind("closed", 1); !errors.Is(ev.reason, rpc.ErrClosed) || !strings.Contains(ev.reason.Error(), "quarantined") {
		t.Errorf("the shard was told: %v", ev.reason)
	}
}

// A peer that takes nothing does not keep a session that is closed.
func TestCloseDoesNotWaitForStuckPeer(t *testing.T) {
	c := startCoordinator(t, func(o *rpc.SessionServerOptions) { o.Flush = 100 * time.Millisecond })
	s := startShard(t, c.address)
	_, at := awaitMessage[*protocol.Hello](c.recorder, 1)
	awaitMessage[*protocol.Welcome](s.recorder, 1)
	s.hold(true)
	for h := range protocol.Height(10) {
		c.sessions.Send(protocol.Envelope{Session: at.session, Epoch: 1, Message: execute(h+1, 2<<20)})
	}
	c.sessions.Close(at.session, "enough")
	if ev := c.awaitKind("closed", 1); !errors.Is(ev.reason, rpc.ErrClosed) {
		t.Errorf("closed: %v", ev.reason)
	}
}

// S5: what comes in after a session was closed is not handed on.
func TestNothingIsHandedOnAfterClose(t *testing.T) {
	c := startCoordinator(t, func(o *rpc.SessionServerOptions) { o.Flush = patience })
	s := startShard(t, c.address)
	_, at := awaitMessage[*protocol.Hello](c.recorder, 1)
	_, here := awaitMessage[*protocol.Welcome](s.recorder, 1)
	s.hold(true) // the shard takes nothing, so the session drains for a while
	c.sessions.Send(protocol.Envelope{Session: at.session, Epoch: 1, Message: execute(1, 8<<20)})
	c.sessions.Send(protocol.Envelope{Session: at.session, Epoch: 1, Message: execute(2, 8<<20)})
	c.sessions.Close(at.session, "replaced")
	s.client.Send(protocol.Envelope{Session: here.session, Epoch: 1, Message: protocol.Ack{}})
	s.hold(false)
	c.awaitKind("closed", 1)
	for _, ev := range c.all() {
		if _, late := ev.env.Message.(protocol.Ack); late {
			t.Error("a message of a closed session was handed on")
		}
	}
}
