package rpc

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// frameStream is what both ends of SessionService.Open offer.
type frameStream interface {
	Send(*wirepb.Frame) error
	Recv() (*wirepb.Frame, error)
}

// session is one end of a session. Three goroutines run it: read, write and
// watch. None waits for another; they tell each other that it is over through
// ended.
type session struct {
	id      protocol.Session
	stream  frameStream
	handler SessionHandler
	options SessionOptions
	peer    string // whom messages come from, for errors
	host    string // of the peer, on the coordinator's side
	out     *outbox

	// parse reads a message; admit may refuse it before the handler sees it.
	parse func([]byte, wire.Bounds) (protocol.Envelope, error)
	admit func(protocol.Envelope) error
	// flushed is called by the writer when all that was sent before a close is out.
	flushed func()
	// provenBy is when admit must have let something pass; zero for never.
	provenBy time.Time
	proven   atomic.Bool

	ended     chan struct{} // closed by end
	endOnce   sync.Once
	reason    error // set before ended is closed
	closeOnce sync.Once

	closing  atomic.Pointer[closing]
	waiting  atomic.Int64 // since when the reader waits, in Unix nanoseconds; 0 while it does not
	lastSent atomic.Int64 // Unix nanoseconds
}

type closing struct {
	reason error
	by     time.Time
}

func newSession(stream frameStream, handler SessionHandler, o SessionOptions) *session {
	s := &session{
		id: nextSession(), stream: stream, handler: handler, options: o,
		out: newOutbox(o.QueueMessages, o.QueueBytes), ended: make(chan struct{}),
		admit: func(protocol.Envelope) error { return nil },
	}
	s.lastSent.Store(o.Clock.Now().UnixNano())
	return s
}

// end ends the session at once. The first reason stands.
func (s *session) end(reason error) {
	s.endOnce.Do(func() {
		s.reason = reason
		if c := s.closing.Load(); c != nil {
			s.reason = c.reason
		}
		close(s.ended)
		s.out.drop()
	})
}

// close ends the session when everything sent before it is out, or after a
// short while. From now on nothing that comes in is handed on.
func (s *session) close(reason string) {
	s.closeOnce.Do(func() {
		s.closing.Store(&closing{reason: fmt.Errorf("%w: %s", ErrClosed, reason), by: s.options.Clock.Now().Add(s.options.Flush)})
		s.out.drain()
	})
}

// send queues a message, or ends the session if the queue is full.
func (s *session) send(env protocol.Envelope) {
	if err := s.out.add(env); err != nil {
		s.end(err)
	}
}

// read hands on what comes in, until the stream fails. It makes every call to
// the handler.
func (s *session) read() {
	s.handler.Opened(s.id)
	parts := wire.NewAssembler(s.options.MaxMessageBytes)
	for {
		frame, err := s.receive()
		if err == nil && !s.out.isDraining() {
			err = s.take(parts, frame)
		}
		if err != nil {
			s.end(err)
			break
		}
	}
	s.handler.Closed(s.id, s.reason)
}

// receive waits for a frame. While it does, the watch counts.
func (s *session) receive() (*wirepb.Frame, error) {
	s.waiting.Store(s.options.Clock.Now().UnixNano())
	defer s.waiting.Store(0)
	frame, err := s.stream.Recv()
	if errors.Is(err, io.EOF) {
		return nil, ErrLeft
	}
	if err != nil {
		return nil, fmt.Errorf("lost %s: %w", s.peer, Plain(err))
	}
	return frame, nil
}

func (s *session) take(parts *wire.Assembler, frame *wirepb.Frame) error {
	data, err := parts.Add(frame)
	if err != nil || data == nil {
		return err
	}
	env, err := s.parseSafely(data)
	if err != nil {
		return err
	}
	env.Session = s.id
	if err := s.admit(env); err != nil {
		return err
	}
	s.proven.Store(true)
	s.handler.Received(env)
	return nil
}

// parseSafely makes a panic over bytes from the network the end of this
// session and of nothing else.
func (s *session) parseSafely(data []byte) (env protocol.Envelope, err error) {
	defer func() {
		if value := recover(); value != nil {
			s.options.troubles.Of("panic").Error("a panic was caught while a message was read, and ends the session; it is a bug, please report it", "from", s.peer, "panic", value, "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: it made its reader panic", wire.ErrMalformed)
		}
	}()
	return s.parse(data, s.options.Bounds())
}

// write sends frames until the session ends, or all is out after a close.
func (s *session) write() {
	for {
		frame, done, err := s.out.next()
		switch {
		case err != nil:
			s.options.troubles.Of("unsendable").Error("a message could not be encoded, which ends the session; it is a bug, please report it", "to", s.peer, "error", err)
			s.end(err)
			return
		case frame != nil:
			if err := s.stream.Send(frame); err != nil {
				s.sendFailed(err)
				return
			}
			s.lastSent.Store(s.options.Clock.Now().UnixNano())
		case done:
			s.flushed()
			return
		case !s.idle():
			return
		}
	}
}

// idle waits for something to send, and reports whether the session goes on.
func (s *session) idle() bool {
	select {
	case <-s.out.wake:
		return true
	case <-s.ended:
		return false
	}
}

// sendFailed leaves it to the reader to tell why, if it knows better.
func (s *session) sendFailed(err error) {
	if !errors.Is(err, io.EOF) {
		s.end(fmt.Errorf("lost %s: %w", s.peer, Plain(err)))
	}
}

// watch sees to heartbeats and deadlines until the session ends.
func (s *session) watch() {
	step := min(s.options.Heartbeat, s.options.Silence, s.options.Flush) / 4
	for {
		fires, stop := s.options.Clock.NewTimer(step)
		select {
		case <-s.ended:
			stop()
			return
		case <-fires:
			s.check(s.options.Clock.Now())
		}
	}
}

// quiet is how long the reader has waited in vain.
func (s *session) quiet(now time.Time) time.Duration {
	if waiting := s.waiting.Load(); waiting != 0 {
		return now.Sub(time.Unix(0, waiting))
	}
	return 0
}

func (s *session) check(now time.Time) {
	closing := s.closing.Load()
	switch {
	case closing != nil && now.After(closing.by):
		s.end(closing.reason)
	case s.quiet(now) > s.options.Silence:
		s.end(fmt.Errorf("%w for %v", ErrSilent, s.options.Silence))
	case !s.provenBy.IsZero() && !s.proven.Load() && now.After(s.provenBy):
		s.end(ErrNoHello)
	case now.Sub(time.Unix(0, s.lastSent.Load())) >= s.options.Heartbeat:
		s.out.wantBeat()
	}
}
