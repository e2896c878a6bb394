package raftnet

import (
	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// RequestVote implements raft.Transport.
func (t *Transport) RequestVote(id raft.ServerID, target raft.ServerAddress, args *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	a, header, err := single(t, "ask for the vote of", id, target, (*connection).RequestVote, &wirepb.RequestVoteRequest{
		Caller:             t.caller(id),
		ProtocolVersion:    uint32(args.ProtocolVersion),
		Term:               args.Term,
		LastIndex:          args.LastLogIndex,
		LastTerm:           args.LastLogTerm,
		LeadershipTransfer: args.LeadershipTransfer,
	})
	if err != nil {
		return err
	}
	*resp = raft.RequestVoteResponse{RPCHeader: header, Term: a.Term, Granted: a.Granted}
	return remote(id, a.Error)
}

// RequestPreVote implements raft.WithPreVote.
func (t *Transport) RequestPreVote(id raft.ServerID, target raft.ServerAddress, args *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	a, header, err := single(t, "ask for the pre-vote of", id, target, (*connection).RequestPreVote, &wirepb.RequestPreVoteRequest{
		Caller:          t.caller(id),
		ProtocolVersion: uint32(args.ProtocolVersion),
		Term:            args.Term,
		LastIndex:       args.LastLogIndex,
		LastTerm:        args.LastLogTerm,
	})
	if err != nil {
		return err
	}
	*resp = raft.RequestPreVoteResponse{RPCHeader: header, Term: a.Term, Granted: a.Granted}
	return remote(id, a.Error)
}

// TimeoutNow implements raft.Transport.
func (t *Transport) TimeoutNow(id raft.ServerID, target raft.ServerAddress, args *raft.TimeoutNowRequest, resp *raft.TimeoutNowResponse) error {
	a, header, err := single(t, "hand leadership to", id, target, (*connection).TimeoutNow, &wirepb.TimeoutNowRequest{
		Caller:          t.caller(id),
		ProtocolVersion: uint32(args.ProtocolVersion),
	})
	if err != nil {
		return err
	}
	*resp = raft.TimeoutNowResponse{RPCHeader: header}
	return remote(id, a.Error)
}

// AppendEntries implements raft.Transport. Without entries it is a single call,
// which waits behind nothing; with them, a pipeline of one request.
func (t *Transport) AppendEntries(id raft.ServerID, target raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	if len(args.Entries) > 0 {
		return t.appendOnce(id, target, args, resp)
	}
	a, header, err := single(t, "send a heartbeat to", id, target, (*connection).Heartbeat, &wirepb.HeartbeatRequest{
		Caller: t.caller(id),
		Head:   headOf(args),
	})
	if err != nil {
		return err
	}
	*resp = responseOf(header, a.Reply)
	if resp.Success {
		t.peers.acknowledged(id, args.PrevLogEntry)
	}
	return remote(id, a.Reply.GetError())
}

func (t *Transport) appendOnce(id raft.ServerID, target raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	p, err := t.openPipeline(id, target)
	if err != nil {
		return err
	}
	defer p.Close() //nolint:errcheck // gives no error ever
	f, err := p.AppendEntries(args, resp)
	if err != nil {
		return err
	}
	return f.Error()
}

func responseOf(header raft.RPCHeader, r *wirepb.AppendReply) raft.AppendEntriesResponse {
	return raft.AppendEntriesResponse{
		RPCHeader:      header,
		Term:           r.GetTerm(),
		LastLog:        r.GetLastIndex(),
		Success:        r.GetSuccess(),
		NoRetryBackoff: r.GetNoRetryBackoff(),
	}
}

func replyOf(a raft.RPCResponse) *wirepb.AppendReply {
	reply := &wirepb.AppendReply{Error: textOf(a.Error)}
	if r, ok := a.Response.(*raft.AppendEntriesResponse); ok {
		reply.Term, reply.LastIndex, reply.Success, reply.NoRetryBackoff = r.Term, r.LastLog, r.Success, r.NoRetryBackoff
	}
	return reply
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
