package rpc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// SessionClientOptions configures a SessionClient.
type SessionClientOptions struct {
	SessionOptions
	// Handler is told what happens. Needed.
	Handler SessionHandler
	// Coordinators are addresses to dial, HOST:PORT, in turn. At least one. One
	// that does not lead may name another address, which is dialled too.
	Coordinators []string

	// Open bounds the wait for a coordinator to accept a session; default 5 s, or
	// 1 s while several are known.
	Open time.Duration
	// SilenceAmong stands in for Silence while several coordinators are known;
	// default 2 s. Half of that after nothing was heard, the others are asked who
	// leads, and the session ends sooner if it is not this one any more.
	SilenceAmong time.Duration
	// BackoffFirst and BackoffMost bound the wait before dialling again;
	// default 100 ms and 5 s.
	BackoffFirst, BackoffMost time.Duration
	// BackoffLeader is the most to wait while some coordinator answers that it does
	// not lead: another will before long; default 500 ms.
	BackoffLeader time.Duration
	// Settled is how long a session must have lived to count as a success
	// although no Welcome came; default 10 s.
	Settled time.Duration
	// Dial makes connections; nil is Dial of this package. The options given
	// to it must come last.
	Dial func(address string, extra ...grpc.DialOption) (*grpc.ClientConn, error)
	// Identity is who this shard is; nil for plaintext.
	Identity *identity.Identity
}

// SessionClient is a shard's side of its session: it dials until it is told to
// stop, and has at most one session at a time. Send and Close are safe for
// concurrent use.
type SessionClient struct {
	options SessionClientOptions
	current atomic.Pointer[session]
	trouble trouble
}

// NewSessionClient checks the options. Run does the work.
func NewSessionClient(o SessionClientOptions) (*SessionClient, error) {
	if len(o.Coordinators) == 0 {
		return nil, errors.New("no coordinator to dial")
	}
	o.SessionOptions = o.SessionOptions.withDefaults()
	setDefault(&o.SilenceAmong, 2*time.Second)
	setDefault(&o.BackoffFirst, 100*time.Millisecond)
	setDefault(&o.BackoffMost, 5*time.Second)
	setDefault(&o.BackoffLeader, 500*time.Millisecond)
	setDefault(&o.Settled, 10*time.Second)
	if o.Dial == nil {
		o.Dial = Dial
	}
	o.Dial = securely(o.Dial, o.Identity)
	return &SessionClient{
		options: o,
		trouble: newTrouble(o),
	}, nil
}

// securely dials coordinators, and nobody else, as somebody who can prove who it is.
func securely(dial func(string, ...grpc.DialOption) (*grpc.ClientConn, error), i *identity.Identity) func(string, ...grpc.DialOption) (*grpc.ClientConn, error) {
	return func(address string, extra ...grpc.DialOption) (*grpc.ClientConn, error) {
		return dial(address, append(extra, i.Expecting(identity.Coordinator, ""))...)
	}
}

// Run looks for the coordinator that leads and keeps a session open, for ever: it
// returns only when ctx is done, with the error of ctx, after the last call to
// the handler. It ends a session that stands at once; Close it first if what
// was sent must arrive. Call Run once.
//
// It dials the coordinators in turn, and follows one that names the leader. The
// wait between two dials grows with every round of all coordinators, and begins
// anew after a Welcome.
func (c *SessionClient) Run(ctx context.Context) error {
	search := newSearch(c.options)
	for ctx.Err() == nil {
		address := search.address
		good, err := c.session(ctx, search)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if good { // it led until now
			c.learn(search, wire.Members(err))
		}
		wait, follows := search.next(good, err)
		switch {
		case good:
			c.trouble.lost(address, err)
		case follows:
			c.options.Logger.Debug("goes to the coordinator that leads", "coordinator", search.address, "from", address)
		default:
			c.trouble.add(address, err)
		}
		if !follows {
			c.sleep(ctx, wait)
		}
	}
	return ctx.Err()
}

// learn takes the members that a leader tells of.
func (c *SessionClient) learn(search *search, members []string) {
	if search.learn(members) {
		c.options.Logger.Info("the coordinators of the cluster have changed", "coordinators", strings.Join(search.list, ","))
	}
}

func (c *SessionClient) sleep(ctx context.Context, d time.Duration) {
	fires, stop := c.options.Clock.NewTimer(d)
	defer stop()
	select {
	case <-fires:
	case <-ctx.Done():
	}
}

// session dials the coordinator that it is the turn of, and sees the session
// through to its end. It was good if a Welcome came or it lived long enough.
func (c *SessionClient) session(ctx context.Context, search *search) (good bool, err error) {
	address := search.address
	connection, err := c.options.Dial(address, grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(wire.MaxFrameBytes)))
	if err != nil {
		return false, fmt.Errorf("dial %s: %w", address, err)
	}
	defer connection.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.open(ctx, cancel, connection, c.patience(len(search.list)))
	if err != nil {
		return false, fmt.Errorf("open a session with %s: %w", address, err)
	}
	s := c.newSession(stream, address)
	look := lookout{client: c, session: s, search: search, connection: connection}
	var looking sync.WaitGroup
	looking.Go(func() { look.run(ctx) })
	good, err = c.run(cancel, s, address)
	looking.Wait()
	return good, err
}

// patience is how long one of so many coordinators has to accept a session.
func (c *SessionClient) patience(known int) time.Duration {
	switch {
	case c.options.Open != 0:
		return c.options.Open
	case known > 1:
		return time.Second
	}
	return 5 * time.Second
}

// open waits until the coordinator has accepted the session, but not longer
// than patience; then it calls cancel.
func (c *SessionClient) open(ctx context.Context, cancel func(), connection *grpc.ClientConn, patience time.Duration) (wirepb.SessionService_OpenClient, error) {
	answered := make(chan struct{})
	late := make(chan bool)
	go func() { late <- c.giveUp(answered, cancel, patience) }()
	stream, err := accepted(ctx, connection)
	close(answered)
	if <-late {
		return nil, fmt.Errorf("no answer within %v", patience)
	}
	return stream, err
}

// giveUp calls cancel if no answer comes in time, and reports whether it did.
func (c *SessionClient) giveUp(answered <-chan struct{}, cancel func(), patience time.Duration) bool {
	fires, stop := c.options.Clock.NewTimer(patience)
	defer stop()
	select {
	case <-answered:
		return false
	case <-fires:
		cancel()
		return true
	}
}

// accepted opens the stream and waits for the headers by which the
// coordinator accepts it; an end without headers refuses it.
func accepted(ctx context.Context, connection *grpc.ClientConn) (wirepb.SessionService_OpenClient, error) {
	stream, err := wirepb.NewSessionServiceClient(connection).Open(ctx)
	if err != nil {
		return nil, Plain(err)
	}
	header, err := stream.Header()
	if header == nil && err == nil {
		_, err = stream.Recv()
	}
	if err != nil {
		return nil, Plain(err)
	}
	return stream, nil
}

func (c *SessionClient) newSession(stream wirepb.SessionService_OpenClient, address string) *session {
	s := newSession(stream, c.options.Handler, c.options.SessionOptions)
	s.peer = "the coordinator at " + address
	s.parse = wire.UnmarshalToShard
	s.flushed = func() { _ = stream.CloseSend() } // the coordinator ends it then
	return s
}

func (c *SessionClient) run(cancel func(), s *session, address string) (good bool, err error) {
	began := c.options.Clock.Now()
	s.admit = func(env protocol.Envelope) error {
		if _, welcome := env.Message.(*protocol.Welcome); welcome {
			good = true
			c.trouble.over(address)
		}
		return nil
	}
	c.current.Store(s)
	var running sync.WaitGroup
	running.Go(s.read)
	running.Go(s.write)
	s.watch()
	c.current.CompareAndSwap(s, nil)
	cancel()
	running.Wait()
	good = good || c.options.Clock.Now().Sub(began) >= c.options.Settled
	return good, s.reason
}

// Send queues a message for its session, and never waits. If the session's
// queue is full, the session ends; if there is no such session, the message is
// lost. The message must not be changed afterwards.
func (c *SessionClient) Send(env protocol.Envelope) {
	if s := c.current.Load(); s != nil && s.id == env.Session {
		s.send(env)
	}
}

// Close ends a session after what was sent to it, within a second or so. It
// does not wait; Closed tells when. Messages that come in meanwhile are lost.
// Run goes on, and opens another session.
func (c *SessionClient) Close(id protocol.Session, reason string) {
	if s := c.current.Load(); s != nil && s.id == id {
		s.close(reason)
	}
}
