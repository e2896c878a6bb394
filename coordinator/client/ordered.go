package client

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Landed is a block with what became of it.
type Landed struct {
	Submission
	Answer Answer
	// Err: the block was refused at the door and changed nothing. There is no
	// Answer then.
	Err error
}

// SubmitInOrder submits the blocks of a feed until it is closed, in order, with at
// most so many under way at once, and calls landed, from one goroutine, with each
// in that order. A block is committed only after those before it. The first that
// is not committed is the last to land: those behind it are withdrawn with it, or
// were never taken up; if its outcome is unknown, so is theirs.
//
// As with Submit, blocks are sent until their outcome is known or their time is
// over: when a connection breaks, all that are not answered go over another one.
// The error is that of landed, or that of ctx if it ends while no block waits.
func (c *Coordinator) SubmitInOrder(ctx context.Context, feed <-chan Submission, most int, landed func(Landed) error) error {
	o := &ordered{coordinator: c, feed: feed, most: max(most, 1), landed: landed}
	return o.run(ctx)
}

// ordered is one run of SubmitInOrder.
type ordered struct {
	coordinator *Coordinator
	feed        <-chan Submission // nil after its end
	most        int
	landed      func(Landed) error
	waiting     []*trial // not answered, oldest first; at most as many as most
	last        string   // key of the newest block that is committed; "" before
}

func (o *ordered) run(ctx context.Context) error {
	for {
		if err := o.await(ctx); err != nil || len(o.waiting) == 0 {
			return err
		}
		o.waiting[0].follows = false
		answer, err := o.session(ctx)
		switch {
		case len(o.waiting) == 0:
			if err != nil {
				return err
			}
			continue
		case err == nil && answer.Decision == Aborted:
			return o.land(answer, nil)
		}
		t := o.waiting[0]
		if err != nil && t.final(err) {
			return o.land(Answer{}, err)
		}
		t.note(answer, err)
		if !t.again(ctx) {
			return o.land(t.unknown(ctx), nil)
		}
	}
}

// await waits for a block, if none waits already.
func (o *ordered) await(ctx context.Context) error {
	if len(o.waiting) > 0 || o.feed == nil {
		return nil
	}
	select {
	case s, ok := <-o.feed:
		o.take(ctx, s, ok)
	case <-ctx.Done():
	}
	return ctx.Err()
}

// take lets a block wait; ok is false at the end of the feed. Nothing is begun
// after an interrupt.
func (o *ordered) take(ctx context.Context, s Submission, ok bool) {
	switch {
	case !ok:
		o.feed = nil
	case ctx.Err() == nil:
		o.waiting = append(o.waiting, &trial{coordinator: o.coordinator, submission: s, deadline: time.Now().Add(s.Timeout), route: route{coordinator: o.coordinator}})
	}
}

// next is the feed while more blocks may be under way.
func (o *ordered) next() <-chan Submission {
	if len(o.waiting) >= o.most {
		return nil
	}
	return o.feed
}

// land hands on what became of the oldest block.
func (o *ordered) land(a Answer, refused error) error {
	s := o.waiting[0].submission
	o.waiting = o.waiting[1:]
	if a.Decision == Committed {
		o.last = s.Key
	}
	return o.landed(Landed{Submission: s, Answer: a, Err: refused})
}

// session submits over one stream. It ends with the answer or the error of the
// oldest block that is not committed, or when no block waits any more and none will
// come. An error while none waits is that of landed, or of an answer to nothing.
func (o *ordered) session(ctx context.Context) (Answer, error) {
	p, err := o.coordinator.reached(ctx)
	defer o.coordinator.leave(p)
	var s *blockStream
	if err == nil {
		s, err = o.open(ctx, p)
	}
	if err != nil {
		return Answer{}, o.broken(ctx, p, nil, err)
	}
	defer s.end()
	for len(o.waiting) > 0 || o.feed != nil {
		s.vigil.expect(len(o.waiting) > 0)
		if err := s.send(o); err != nil {
			return Answer{}, o.broken(ctx, p, s, err)
		}
		select {
		case block, ok := <-o.next():
			o.take(ctx, block, ok)
		case response, ok := <-s.heard:
			if !ok {
				return Answer{}, o.broken(ctx, p, s, s.ended)
			}
			s.vigil.heard()
			if answer, err := o.hear(response); err != nil || answer.Decision != Committed {
				return answer, err
			}
			s.sent--
		}
	}
	return Answer{}, nil
}

// hear takes an answer: it is for the oldest block.
func (o *ordered) hear(response *wirepb.SubmitBlocksResponse) (Answer, error) {
	if len(o.waiting) == 0 || o.waiting[0].submission.Key != response.GetKey() {
		return Answer{}, status.Errorf(codes.Internal, "the coordinator answers for block %q out of order: is it of another version?", response.GetKey())
	}
	answer := answerOf(response.GetResult())
	if answer.Decision != Committed {
		return answer, nil
	}
	if err := o.land(answer, nil); err != nil {
		o.waiting = nil // nobody wants to hear more
		return Answer{}, err
	}
	return answer, nil
}

// broken notes that the stream to p has ended, and explains it. What was sent over
// it may have been taken up; for the oldest block the error says.
func (o *ordered) broken(ctx context.Context, p *peer, s *blockStream, err error) error {
	if len(o.waiting) == 0 {
		return nil
	}
	if s != nil {
		err = s.cause(err)
		for _, t := range o.waiting[min(1, s.sent):s.sent] {
			t.ambiguous = true
		}
	}
	t := o.waiting[0]
	t.wait, _ = retryAfter(err)
	t.follows = t.route.next(p, err)
	return p.explain(ctx, err)
}
