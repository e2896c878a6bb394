package rpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// SessionServerOptions configures a SessionServer.
type SessionServerOptions struct {
	SessionOptions
	// Handler is told what happens. Needed.
	Handler SessionHandler
	// MaxSessions bounds the sessions at one time, whoever opened them; default
	// twice protocol.MaxShards, because a shard may come back before its old
	// session is given up.
	MaxSessions int
	// Hello is how long a session may exist without a Hello; default 5 s.
	Hello time.Duration
}

// SessionServer is the coordinator's side of all sessions. Register it with
// wirepb.RegisterSessionServiceServer. It is safe for concurrent use.
type SessionServer struct {
	wirepb.UnimplementedSessionServiceServer
	options SessionServerOptions

	mu       sync.Mutex
	sessions map[protocol.Session]*session
	refusing string         // why new sessions are refused; "" while they are not
	running  sync.WaitGroup // readers and writers
}

// NewSessionServer makes a server that accepts sessions at once.
func NewSessionServer(o SessionServerOptions) *SessionServer {
	o.SessionOptions = o.SessionOptions.withDefaults()
	setDefault(&o.MaxSessions, 2*protocol.MaxShards)
	setDefault(&o.Hello, 5*time.Second)
	return &SessionServer{options: o, sessions: map[protocol.Session]*session{}}
}

// Open implements wirepb.SessionServiceServer.
func (v *SessionServer) Open(stream grpc.BidiStreamingServer[wirepb.Frame, wirepb.Frame]) error {
	s := v.session(stream)
	if err := v.add(s); err != nil {
		return err
	}
	// The headers tell the shard that the session stands.
	if err := stream.SendHeader(metadata.MD{}); err != nil {
		s.end(fmt.Errorf("lost %s: %w", s.peer, Plain(err)))
	}
	go v.read(s)
	go v.write(s)
	s.watch()
	// Returning cancels the stream, which ends a reader or writer that waits
	// for it.
	return v.farewell(s)
}

func (v *SessionServer) session(stream grpc.BidiStreamingServer[wirepb.Frame, wirepb.Frame]) *session {
	s := newSession(stream, v.options.Handler, v.options.SessionOptions)
	s.peer = "a shard"
	if p, ok := peer.FromContext(stream.Context()); ok {
		s.peer = "the shard at " + p.Addr.String()
		s.host, _, _ = net.SplitHostPort(p.Addr.String())
	}
	s.parse = wire.UnmarshalToCoordinator
	s.admit = func(env protocol.Envelope) error { return admitted(stream.Context(), s, env) }
	s.flushed = func() { s.end(ErrClosed) }
	s.provenBy = v.options.Clock.Now().Add(v.options.Hello)
	return s
}

// admitted refuses whoever does not say first who it is, or says that it is another
// shard than it has proven to be.
func admitted(ctx context.Context, s *session, env protocol.Envelope) error {
	if hello, ok := env.Message.(*protocol.Hello); ok {
		return identity.Claims(ctx, identity.Shard, identity.ShardName(hello.Shard))
	}
	return helloFirst(s, env)
}

// helloFirst refuses whoever does not say first who it is.
func helloFirst(s *session, env protocol.Envelope) error {
	if !s.proven.Load() {
		return fmt.Errorf("%w: a %T came first, want a Hello", wire.ErrMalformed, env.Message)
	}
	return nil
}

func (v *SessionServer) add(s *session) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.refusing != "":
		return status.Error(codes.Unavailable, v.refusing)
	case len(v.sessions) >= v.options.MaxSessions:
		return status.Errorf(codes.ResourceExhausted, "%d sessions are open, no more are allowed", len(v.sessions))
	}
	v.sessions[s.id] = s
	v.running.Add(2)
	return nil
}

func (v *SessionServer) read(s *session) {
	defer v.running.Done()
	s.read()
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.sessions, s.id)
}

func (v *SessionServer) write(s *session) {
	defer v.running.Done()
	s.write()
}

// farewell tells the shard why its session ends.
func (v *SessionServer) farewell(s *session) error {
	code := codes.Unavailable
	if status.Code(s.reason) == codes.PermissionDenied {
		return s.reason
	}
	switch {
	case errors.Is(s.reason, ErrLeft):
		return nil
	case errors.Is(s.reason, wire.ErrMalformed), errors.Is(s.reason, wire.ErrTooLarge):
		v.options.troubles.Of("malformed "+s.host).Warn("a session ends over a message that no shard of this version sends: see what runs at that address", "from", s.peer, "session", s.id, "error", s.reason)
		code = codes.InvalidArgument
	}
	return status.Error(code, s.reason.Error())
}

// Send queues a message for its session, and never waits. If the session's
// queue is full, the session ends; if there is no such session, the message is
// lost. The message must not be changed afterwards.
func (v *SessionServer) Send(env protocol.Envelope) {
	if s := v.find(env.Session); s != nil {
		s.send(env)
	}
}

// Close ends a session after what was sent to it, within a second or so. It
// does not wait; Closed tells when. Messages that come in meanwhile are lost.
func (v *SessionServer) Close(id protocol.Session, reason string) {
	if s := v.find(id); s != nil {
		s.close(reason)
	}
}

func (v *SessionServer) find(id protocol.Session) *session {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.sessions[id]
}

// CloseAll closes every session and refuses new ones, with the reason, until
// Accept.
func (v *SessionServer) CloseAll(reason string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.refusing = reason
	for _, s := range v.sessions {
		s.close(reason)
	}
}

// Accept takes new sessions again, after CloseAll.
func (v *SessionServer) Accept() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.refusing = ""
}

// Shutdown closes every session, refuses new ones, and waits until the last
// call to the handler has returned, or ctx is done.
func (v *SessionServer) Shutdown(ctx context.Context, reason string) error {
	v.CloseAll(reason)
	quiet := make(chan struct{})
	go func() {
		v.running.Wait()
		close(quiet)
	}()
	select {
	case <-quiet:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for sessions to end: %w", ctx.Err())
	}
}
