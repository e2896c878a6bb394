package hostile

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// liar is a shard without a disk and without a state: the real state machine and the
// real session, of which everything that is sent can be bent. It pushes no value but
// those that a test has it push.
type liar struct {
	town   *town
	client *rpc.SessionClient

	mu      sync.Mutex
	machine *protocol.Participant
	session protocol.Session
	bend    func(protocol.Message) protocol.Message // nil for the truth; it may give nil for silence
	heard   []protocol.Message
}

func (l *liar) welcomed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.machine.Status().Welcomed
}

func newLiar(c *town) *liar {
	l := &liar{town: c}
	id := protocol.Identity{Shard: liarID, Directory: protocol.DirectoryID{9}, Address: "127.0.0.1:1"}
	l.machine = protocol.NewParticipant(id, protocol.ShardState{})
	var err error
	l.client, err = rpc.NewSessionClient(rpc.SessionClientOptions{
		Handler: l, Coordinators: []string{c.address}, BackoffFirst: 5 * time.Millisecond, BackoffMost: 20 * time.Millisecond,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.client.Run(ctx)
	}()
	c.t.Cleanup(func() {
		cancel()
		<-ended
	})
	return l
}

func (l *liar) Opened(s protocol.Session) {
	l.mu.Lock()
	l.session = s
	l.mu.Unlock()
	l.step(protocol.Opened{Session: s})
}

func (l *liar) Closed(s protocol.Session, _ error) { l.step(protocol.Closed{Session: s}) }

func (l *liar) Received(env protocol.Envelope) {
	l.mu.Lock()
	l.heard = append(l.heard, env.Message)
	l.mu.Unlock()
	l.step(protocol.Received{Envelope: env})
}

// step does what the machine says. It executes at once, and everything applies; what
// is bent may break the machine, which then says nothing more.
func (l *liar) step(ev protocol.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for events := []protocol.Event{ev}; len(events) > 0; events = events[1:] {
		e, err := l.machine.Step(events[0])
		if err != nil {
			l.client.Close(l.session, "caught")
			return
		}
		for _, env := range e.Send {
			if l.bend != nil {
				env.Message = l.bend(env.Message)
			}
			if env.Message != nil {
				l.send(env)
			}
		}
		for _, c := range e.Close {
			l.client.Close(c.Session, c.Reason)
		}
		for _, x := range e.Execute {
			events = append(events, l.execute(x))
		}
	}
}

func (l *liar) execute(x *protocol.Execute) protocol.Executed {
	sub, err := protocol.DecodeSubBlock(x.SubBlock, protocol.DefaultLimits())
	if err != nil {
		l.town.t.Error(err)
	}
	done := protocol.Executed{Attempt: x.Attempt}
	done.Outcomes, done.Writes = protocol.NewOutcomes(len(sub)), protocol.EncodeWrites(nil)
	for i, tx := range sub {
		if slices.Contains(tx.Executors(slots, nil), liarID) {
			_ = done.Outcomes.Set(i, protocol.OutcomeApplied)
		}
	}
	return done
}

// bends has everything that is sent from now on bent.
func (l *liar) bends(bend func(protocol.Message) protocol.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bend = bend
}

// bent bends messages of one kind, and leaves the others.
func bent[M protocol.Message](bend func(M) protocol.Message) func(protocol.Message) protocol.Message {
	return func(m protocol.Message) protocol.Message {
		if of, ok := m.(M); ok {
			return bend(of)
		}
		return m
	}
}

// says sends something out of turn.
func (l *liar) says(messages ...protocol.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range messages {
		l.send(protocol.Envelope{Session: l.session, Epoch: l.machine.Status().Epoch, Message: m})
	}
}

// send sends a Hello as of the epoch that it names; nothing else could be encoded.
func (l *liar) send(env protocol.Envelope) {
	if hello, ok := env.Message.(*protocol.Hello); ok {
		env.Epoch = hello.Epoch
	}
	l.client.Send(env)
}

// returns ends the session; the liar comes back by itself.
func (l *liar) returns() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.client.Close(l.session, "comes back")
}

// forgets makes it a shard that has never been anywhere.
func (l *liar) forgets() {
	l.mu.Lock()
	defer l.mu.Unlock()
	id := protocol.Identity{Shard: liarID, Directory: protocol.DirectoryID{9}, Address: "127.0.0.1:1"}
	l.machine = protocol.NewParticipant(id, protocol.ShardState{Config: l.machine.Status().Config, Epoch: l.machine.Status().Epoch})
	l.client.Close(l.session, "forgets")
}

// hears waits for a message, and gives it.
func hears[M protocol.Message](l *liar, what string, is func(M) bool) (found M) {
	l.town.t.Helper()
	l.town.await("the liar hears "+what, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, m := range slices.Backward(l.heard) {
			if of, ok := m.(M); ok && is(of) {
				found = of
				return true
			}
		}
		return false
	})
	return found
}

// asked waits until the liar is to execute a height, and gives the newest attempt.
func (l *liar) asked(h protocol.Height) protocol.AttemptID {
	l.town.t.Helper()
	return hears(l, "an Execute", func(x *protocol.Execute) bool { return x.Attempt.Height == h }).Attempt
}

// line is a stream of values to an honest shard.
type line struct {
	stream wirepb.ExchangeService_PushClient
	taken  atomic.Uint64 // batches, as the other end says now and then
	ended  chan error
}

// line opens a stream with a hello that a test may bend.
func (l *liar) line(to protocol.ShardID, bend func(*wirepb.ExchangeHello)) *line {
	t := l.town.t
	t.Helper()
	conn, err := rpc.Dial(l.town.shards[to].address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	t.Cleanup(func() {
		cancel()
		conn.Close()
	})
	stream, err := wirepb.NewExchangeServiceClient(conn).Push(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cluster := l.town.Status().Config.Cluster
	hello := &wirepb.ExchangeHello{Cluster: cluster[:], FromShard: uint32(liarID), ToShard: uint32(to), Instance: make([]byte, 16)}
	if bend != nil {
		bend(hello)
	}
	if err := stream.Send(&wirepb.ExchangeRequest{Request: &wirepb.ExchangeRequest_Hello{Hello: hello}}); err != nil {
		t.Fatal(err)
	}
	p := &line{stream: stream, ended: make(chan error, 1)}
	go func() {
		for {
			said, err := stream.Recv()
			if err != nil {
				p.ended <- err
				return
			}
			p.taken.Store(said.GetProgress().GetBatches())
		}
	}()
	return p
}

// push sends values for an attempt. That the stream has ended shows elsewhere.
func (p *line) push(a protocol.AttemptID, values []byte) {
	batch := &wirepb.ExchangeBatch{
		Attempt: &wirepb.AttemptID{Height: uint64(a.Height), Epoch: uint64(a.Epoch), Attempt: a.Attempt}, Values: values,
	}
	_ = p.stream.Send(&wirepb.ExchangeRequest{Request: &wirepb.ExchangeRequest_Batch{Batch: batch}})
}

// end waits until the other end has refused what it got.
func (p *line) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-p.ended:
		return err
	case <-time.After(patience):
		t.Fatal("the stream goes on")
	}
	return nil
}

// values packs what a key of a transaction holds, as shards do.
func values(transaction uint32, key uint16, value string) []byte {
	b := binary.BigEndian.AppendUint32(nil, transaction)
	b = binary.BigEndian.AppendUint16(b, key)
	b = binary.BigEndian.AppendUint32(b, uint32(len(value)))
	return append(b, value...)
}
