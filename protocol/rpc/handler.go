package rpc

import (
	"errors"
	"sync/atomic"

	"github.com/lockstep-exec/lockstep/protocol"
)

// SessionHandler is told what happens on sessions. For one session the calls
// come one after the other, from one goroutine: Opened once and first, Closed
// once and last. Calls for different sessions of a SessionServer may run at
// once. A call may take its time: it holds up only what the same session
// receives, never what is sent, so a handler may wait for a node whose loop
// calls Send.
type SessionHandler interface {
	// Opened tells that a session stands.
	Opened(s protocol.Session)
	// Received brings a message; its form is checked, its meaning is not. The
	// handler may keep it.
	Received(env protocol.Envelope)
	// Closed tells that the session has ended, and why; never a nil reason.
	// What was sent and not yet received is lost.
	Closed(s protocol.Session, reason error)
}

// Reasons why a session ended, to be found with errors.Is. Malformed input
// wraps wire.ErrMalformed or wire.ErrTooLarge.
var (
	// ErrOverflow: the peer did not take what was sent to it fast enough.
	ErrOverflow = errors.New("send queue is full")
	// ErrSilent: nothing was heard of the peer for too long.
	ErrSilent = errors.New("nothing heard from the other side")
	// ErrNoHello: a peer did not say in time who it is.
	ErrNoHello = errors.New("no hello came")
	// ErrClosed: this side closed the session.
	ErrClosed = errors.New("closed")
	// ErrLeft: the other side closed the session.
	ErrLeft = errors.New("the other side ended the session")
)

// lastSession numbers the sessions of this process, those of every client and
// server in it, so that a number is never used twice.
var lastSession atomic.Uint64

func nextSession() protocol.Session { return protocol.Session(lastSession.Add(1)) }
