package raftnet

import (
	"context"
	"errors"
	"io"

	"github.com/hashicorp/raft"
	"google.golang.org/grpc"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

type appendStream = grpc.BidiStreamingServer[wirepb.AppendEntriesRequest, wirepb.AppendEntriesResponse]

// appends takes the requests of one stream. While raft works on one, the next is
// received.
type appends struct {
	*incoming
	stream   appendStream
	requests chan received
}

// received is a request, with what it takes of the budget.
type received struct {
	request *raft.AppendEntriesRequest
	bytes   int64
}

// AppendEntries implements wirepb.ReplicationServiceServer.
func (s *service) AppendEntries(stream appendStream) error {
	opening, err := first(s.t, stream.Recv)
	if err != nil {
		return toStatus(err)
	}
	in, err := s.t.accept(stream.Context(), opening.GetOpen())
	if err != nil {
		return toStatus(err)
	}
	a := &appends{incoming: in, stream: stream, requests: make(chan received)}
	if err := stream.Send(&wirepb.AppendEntriesResponse{Response: &wirepb.AppendEntriesResponse_Accepted{Accepted: s.t.self()}}); err != nil {
		in.over(err)
		return err
	}
	// It ends with the stream, which ends when this function returns.
	go a.receive()
	err = a.serve()
	in.over(err)
	return toStatus(err)
}

// serve answers requests until the caller has no more, which is no error.
func (a *appends) serve() error {
	for {
		select {
		case r, more := <-a.requests:
			if !more {
				return nil
			}
			if err := a.answer(r); err != nil {
				return err
			}
		case <-a.beat.C:
			if err := a.working(); err != nil {
				return err
			}
		case <-a.ctx.Done():
			return context.Cause(a.ctx)
		case <-a.t.ctx.Done():
			return raft.ErrTransportShutdown
		}
	}
}

func (a *appends) answer(r received) error {
	defer a.t.budget.Release(r.bytes)
	answer, err := a.t.ask(a.ctx, raft.RPC{Command: r.request}, a.beat.C, a.working)
	if err != nil {
		return err
	}
	return a.stream.Send(&wirepb.AppendEntriesResponse{Response: &wirepb.AppendEntriesResponse_Reply{Reply: replyOf(answer)}})
}

func (a *appends) working() error {
	return a.stream.Send(&wirepb.AppendEntriesResponse{Response: &wirepb.AppendEntriesResponse_Working{Working: &wirepb.ReplicationWorking{}}})
}

// receive hands on requests until the stream ends.
func (a *appends) receive() {
	for {
		m, err := a.stream.Recv()
		if errors.Is(err, io.EOF) {
			close(a.requests)
			return
		}
		if err == nil {
			err = a.receiveOne(m)
		}
		if err != nil {
			a.cancel(err)
			return
		}
	}
}

// receiveOne receives the rest of a request and hands it on.
func (a *appends) receiveOne(first *wirepb.AppendEntriesRequest) error {
	head := first.GetHead()
	assembler, err := a.t.options.assemble(a.from, head)
	if err != nil {
		return err
	}
	r := received{bytes: int64(head.Bytes)} //nolint:G115 // assemble refuses more than MaxRequestBytes
	if err := a.t.budget.Acquire(a.ctx, r.bytes); err != nil {
		return context.Cause(a.ctx)
	}
	r.request, err = a.assembled(assembler)
	if err == nil {
		select {
		case a.requests <- r:
			return nil
		case <-a.ctx.Done():
			err = context.Cause(a.ctx)
		}
	}
	a.t.budget.Release(r.bytes)
	return err
}

func (a *appends) assembled(to *assembler) (*raft.AppendEntriesRequest, error) {
	for {
		if request, complete := to.complete(); complete {
			return request, nil
		}
		m, err := within(a.incoming, a.stream.Recv)
		if err != nil {
			return nil, err
		}
		if err := to.add(m); err != nil {
			return nil, err
		}
	}
}
