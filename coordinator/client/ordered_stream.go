package client

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// blockStream is one call of SubmitBlocks. A goroutine hears the answers, so that
// the server never waits for a client that is sending.
type blockStream struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	stream wirepb.CoordinatorService_SubmitBlocksClient
	heard  chan *wirepb.SubmitBlocksResponse
	ended  error // why, once heard is closed
	sent   int   // so many of the blocks that wait were sent here
	begun  bool  // a block was sent
	late   *time.Timer
	oldest *trial // whom late is for
	vigil  *vigil
}

func (o *ordered) open(ctx context.Context, p *peer) (*blockStream, error) {
	s := &blockStream{heard: make(chan *wirepb.SubmitBlocksResponse, o.most)}
	s.vigil = o.coordinator.watch(ctx, p)
	s.ctx, s.cancel = context.WithCancelCause(s.vigil.ctx)
	s.late = time.AfterFunc(time.Hour, func() { s.cancel(context.DeadlineExceeded) })
	s.late.Stop()
	var err error
	if s.stream, err = p.api.SubmitBlocks(s.ctx); err != nil {
		s.cancel(nil)
		return nil, s.vigil.end(err)
	}
	go s.hear()
	return s, nil
}

func (s *blockStream) hear() {
	defer close(s.heard)
	for {
		response, err := s.stream.Recv()
		if err != nil {
			s.ended = err
			return
		}
		select {
		case s.heard <- response:
		case <-s.ctx.Done():
			s.ended = s.ctx.Err()
			return
		}
	}
}

// send sends what waits and was not sent here yet. The first block names the one
// that it comes after, since the server knows the others of this stream alone.
func (s *blockStream) send(o *ordered) error {
	s.watch(o.waiting)
	for ; s.sent < len(o.waiting); s.sent++ {
		t := o.waiting[s.sent]
		request := t.request()
		if !s.begun {
			request.After = o.last
		}
		s.begun = true
		switch err := s.stream.Send(request); {
		case errors.Is(err, io.EOF):
			s.sent = len(o.waiting) // it has ended: what is heard says why
			return nil
		case err != nil:
			return err
		}
	}
	return nil
}

// watch ends the stream if the oldest block is not answered in time.
func (s *blockStream) watch(waiting []*trial) {
	switch {
	case len(waiting) == 0:
		s.late.Stop()
		s.oldest = nil
	case waiting[0] != s.oldest:
		s.oldest = waiting[0]
		s.late.Reset(time.Until(s.oldest.deadline) + answerGrace)
	}
}

// cause is why the stream has ended.
func (s *blockStream) cause(err error) error {
	switch err = s.vigil.why(err); {
	case errors.Is(context.Cause(s.ctx), context.DeadlineExceeded):
		return status.FromContextError(context.DeadlineExceeded).Err()
	case errors.Is(err, io.EOF):
		return status.Error(codes.Aborted, "it has ended the stream without an answer")
	}
	return err
}

// end hangs up. What is not heard by then is lost.
func (s *blockStream) end() {
	s.late.Stop()
	s.cancel(nil)
	for range s.heard {
	}
	s.vigil.end(nil) //nolint:errcheck // who hangs up needs no reason why the call ended
}
