package raftnet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// errSilent is why a stream is given up on which nothing came for too long.
var errSilent = errors.New("nothing heard from the other side")

// call is one call to a peer, be it a single one or a stream.
type call struct {
	t      *Transport
	peer   raft.ServerID
	to     *connection
	ctx    context.Context
	cancel context.CancelCauseFunc
}

// begin starts a call, which ends with the transport at the latest. Somebody
// must cancel it.
func (t *Transport) begin(peer raft.ServerID, address raft.ServerAddress) (*call, error) {
	to, err := t.peers.connect(peer, address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(t.ctx)
	return &call{t: t, peer: peer, to: to, ctx: ctx, cancel: cancel}, nil
}

// failed notes how a call failed, and gives the error for raft: a
// *RefusedError, raft.ErrTransportShutdown, or a sentence.
func (c *call) failed(what string, err error) error {
	if c.t.ctx.Err() != nil {
		return raft.ErrTransportShutdown
	}
	err = c.cause(err)
	if errors.Is(err, errSilent) {
		c.t.peers.suspect(c.peer, c.to, time.Now().Add(-c.t.options.Timeout))
	}
	var refusal *RefusedError
	if errors.As(err, &refusal) {
		c.t.peers.refused(c.peer, refusal)
	}
	err = fmt.Errorf("%s %s at %s: %w", what, c.peer, c.to.address, err)
	c.t.peers.failed(c.peer, err)
	return err
}

// cause finds out what is behind an error of gRPC.
func (c *call) cause(err error) error {
	if refusal := refusalOf(c.peer, err); refusal != nil {
		return refusal
	}
	if cause := context.Cause(c.ctx); cause != nil {
		return cause
	}
	if s, ok := status.FromError(err); ok {
		return errors.New(s.Message())
	}
	return err
}

// silence ends a call unless it is heard of in time again and again.
type silence struct {
	timer    *time.Timer
	patience time.Duration
}

func (c *call) listen() silence {
	d := c.t.options.Timeout
	return silence{time.AfterFunc(d, func() { c.cancel(fmt.Errorf("%w for %v", errSilent, d)) }), d}
}

func (s silence) heard() { s.timer.Reset(s.patience) }
func (s silence) over()  { s.timer.Stop() }

// answer is what comes back from a single call.
type answer interface {
	GetMember() *wirepb.ReplicationMember
}

// single makes a call that is one request and one answer, and gives the answer
// with its header for raft.
func single[Request any, Answer answer](t *Transport, what string, peer raft.ServerID, address raft.ServerAddress,
	do func(*connection, context.Context, Request, ...grpc.CallOption) (Answer, error), request Request) (Answer, raft.RPCHeader, error) {
	var none Answer
	c, err := t.begin(peer, address)
	if err != nil {
		return none, raft.RPCHeader{}, err
	}
	defer c.cancel(nil)
	s := c.listen()
	defer s.over()
	a, err := do(c.to, c.ctx, request)
	if err != nil {
		return none, raft.RPCHeader{}, c.failed(what, err)
	}
	by, err := t.answered(peer, a.GetMember())
	if err != nil {
		return none, raft.RPCHeader{}, c.failed(what, err)
	}
	return a, by.header(raft.ProtocolVersionMax), nil
}

// remote is what failed on the other side, or nil.
func remote(peer raft.ServerID, text string) error {
	if text == "" {
		return nil
	}
	return fmt.Errorf("%s answers: %s", peer, text)
}
