package raftnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// errStalled is why a request is given up whose rest does not come.
var errStalled = errors.New("the rest of the request did not come")

// service takes the calls of other coordinators.
type service struct {
	wirepb.UnimplementedReplicationServiceServer
	t *Transport
}

// RequestVote implements wirepb.ReplicationServiceServer.
func (s *service) RequestVote(ctx context.Context, q *wirepb.RequestVoteRequest) (*wirepb.RequestVoteResponse, error) {
	answer, err := s.single(ctx, q.Caller, func(from member) (any, error) {
		if err := s.t.mayVote(q.Caller, q.LastIndex); err != nil {
			return nil, err
		}
		return &raft.RequestVoteRequest{
			RPCHeader:          from.header(raft.ProtocolVersion(q.ProtocolVersion)),
			Term:               q.Term,
			LastLogIndex:       q.LastIndex,
			LastLogTerm:        q.LastTerm,
			LeadershipTransfer: q.LeadershipTransfer,
		}, nil
	})
	if err != nil {
		return nil, err
	}
	a := &wirepb.RequestVoteResponse{Member: s.t.self(), Error: textOf(answer.Error)}
	if r, ok := answer.Response.(*raft.RequestVoteResponse); ok {
		a.Term, a.Granted = r.Term, r.Granted
	}
	return a, nil
}

// RequestPreVote implements wirepb.ReplicationServiceServer.
func (s *service) RequestPreVote(ctx context.Context, q *wirepb.RequestPreVoteRequest) (*wirepb.RequestPreVoteResponse, error) {
	answer, err := s.single(ctx, q.Caller, func(from member) (any, error) {
		if err := s.t.mayVote(q.Caller, q.LastIndex); err != nil {
			return nil, err
		}
		return &raft.RequestPreVoteRequest{
			RPCHeader:    from.header(raft.ProtocolVersion(q.ProtocolVersion)),
			Term:         q.Term,
			LastLogIndex: q.LastIndex,
			LastLogTerm:  q.LastTerm,
		}, nil
	})
	if err != nil {
		return nil, err
	}
	a := &wirepb.RequestPreVoteResponse{Member: s.t.self(), Error: textOf(answer.Error)}
	if r, ok := answer.Response.(*raft.RequestPreVoteResponse); ok {
		a.Term, a.Granted = r.Term, r.Granted
	}
	return a, nil
}

// TimeoutNow implements wirepb.ReplicationServiceServer.
func (s *service) TimeoutNow(ctx context.Context, q *wirepb.TimeoutNowRequest) (*wirepb.TimeoutNowResponse, error) {
	answer, err := s.single(ctx, q.Caller, func(from member) (any, error) {
		return &raft.TimeoutNowRequest{RPCHeader: from.header(raft.ProtocolVersion(q.ProtocolVersion))}, nil
	})
	if err != nil {
		return nil, err
	}
	return &wirepb.TimeoutNowResponse{Member: s.t.self(), Error: textOf(answer.Error)}, nil
}

// Heartbeat implements wirepb.ReplicationServiceServer.
func (s *service) Heartbeat(ctx context.Context, q *wirepb.HeartbeatRequest) (*wirepb.HeartbeatResponse, error) {
	answer, err := s.single(ctx, q.Caller, func(from member) (any, error) {
		a, err := s.t.options.assemble(from, q.Head)
		if err != nil {
			return nil, err
		}
		request, complete := a.complete()
		if !complete {
			return nil, malformed("a heartbeat with %d entries", q.Head.GetEntries())
		}
		return request, nil
	})
	if err != nil {
		return nil, err
	}
	return &wirepb.HeartbeatResponse{Member: s.t.self(), Reply: replyOf(answer)}, nil
}

// single admits a call and asks raft. The error is one of gRPC.
func (s *service) single(ctx context.Context, c *wirepb.ReplicationCaller, build func(member) (any, error)) (raft.RPCResponse, error) {
	from, err := s.t.admit(ctx, c)
	if err != nil {
		return raft.RPCResponse{}, toStatus(err)
	}
	request, err := build(from)
	if err != nil {
		return raft.RPCResponse{}, toStatus(err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.t.options.Timeout)
	defer cancel()
	answer, err := s.t.ask(ctx, raft.RPC{Command: request}, nil, nil)
	return answer, toStatus(err)
}

// incoming is the part of a call that both streams have in common.
type incoming struct {
	t      *Transport
	from   member
	ctx    context.Context
	cancel context.CancelCauseFunc
	beat   *time.Ticker
}

// accept admits the caller of a stream whose first message is there. Whoever gets
// no error must call over.
func (t *Transport) accept(ctx context.Context, open *wirepb.ReplicationOpen) (*incoming, error) {
	from, err := t.admit(ctx, open.GetCaller())
	if err != nil {
		return nil, err
	}
	in := &incoming{t: t, from: from, beat: time.NewTicker(beatOf(open.GetPatienceMillis()))}
	in.ctx, in.cancel = context.WithCancelCause(ctx)
	return in, nil
}

func (in *incoming) over(why error) {
	in.beat.Stop()
	in.cancel(why)
}

// beatOf is how often a caller with some patience hears that its request is
// worked on.
func beatOf(patienceMillis uint32) time.Duration {
	return min(max(time.Duration(patienceMillis)*time.Millisecond/4, time.Millisecond), time.Second)
}

// first waits for the message that opens a stream. When it is late the handler
// returns, which ends receive.
func first[Message any](t *Transport, receive func() (Message, error)) (Message, error) {
	type result struct {
		message Message
		err     error
	}
	came := make(chan result, 1)
	go func() {
		m, err := receive()
		came <- result{m, err}
	}()
	timer := time.NewTimer(t.options.Stall)
	defer timer.Stop()
	var none Message
	select {
	case r := <-came:
		return r.message, r.err
	case <-timer.C:
		return none, fmt.Errorf("%w within %v", errStalled, t.options.Stall)
	case <-t.ctx.Done():
		return none, raft.ErrTransportShutdown
	}
}

// within runs receive, which waits for a message, and ends the call if nothing
// comes in time.
func within[Message any](in *incoming, receive func() (Message, error)) (Message, error) {
	stall := in.t.options.Stall
	timer := time.AfterFunc(stall, func() { in.cancel(fmt.Errorf("%w within %v", errStalled, stall)) })
	defer timer.Stop()
	m, err := receive()
	if errors.Is(err, io.EOF) {
		return m, malformed("the stream ended in the middle of a request")
	}
	return m, err
}
