package coordinator

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// streamBlocks is the most blocks of one stream that are taken up and whose
// answers were not sent. Further ones are not read; the client's flow control does
// the rest.
const streamBlocks = 64

type submitBlocks = grpc.BidiStreamingServer[wirepb.SubmitBlockRequest, wirepb.SubmitBlocksResponse]

// SubmitBlocks has blocks executed in order, several of them under way at once.
func (s *api) SubmitBlocks(stream submitBlocks) error {
	leading, err := s.coordinator.leading()
	if err != nil {
		return err
	}
	b := &blockStream{
		incarnation: leading, stream: stream,
		taken: make(chan takenBlock, streamBlocks+1), room: make(chan struct{}, streamBlocks), gone: make(chan struct{}),
	}
	go b.read()
	defer b.leave()
	return b.answer()
}

// blockStream is one call of SubmitBlocks: a reader, which ends with the call at
// the latest, brings blocks to the machine in order, and the call itself answers.
// It ends with the incarnation that it began with.
type blockStream struct {
	incarnation *incarnation
	stream      submitBlocks
	taken       chan takenBlock // in order; closed when the client has no more
	room        chan struct{}   // a token per block, until its answer is sent
	gone        chan struct{}   // closed when nobody answers any more
}

// takenBlock is a block that was read.
type takenBlock struct {
	key      string
	outcomes bool
	refused  error                  // if it was not taken up
	waiter   protocol.Waiter        // 0 if the answer is known
	answers  <-chan protocol.Answer // one is here or to come
}

// read takes blocks up until the client has no more, or one is refused.
func (b *blockStream) read() {
	var before *protocol.Block
	for {
		select {
		case b.room <- struct{}{}:
		case <-b.gone:
			return
		}
		in, err := b.stream.Recv()
		if errors.Is(err, io.EOF) {
			close(b.taken)
			return
		}
		t := takenBlock{refused: err}
		if err == nil {
			t, before = b.take(in, before)
		}
		b.taken <- t
		select {
		case <-b.gone:
			b.drop()
			return
		default:
		}
		if t.refused != nil {
			return
		}
	}
}

// take brings a block to the machine, after the one before it on the stream if it
// names no other. Its bytes are held until the answer is there.
func (b *blockStream) take(in *wirepb.SubmitBlockRequest, before *protocol.Block) (takenBlock, *protocol.Block) {
	leading := b.incarnation
	t := takenBlock{key: in.GetKey(), outcomes: in.GetIncludeOutcomes()}
	release, err := leading.coordinator.hold(proto.Size(in))
	if err != nil {
		t.refused = err
		return t, before
	}
	ev, err := leading.prepared(b.stream.Context(), in)
	if err != nil {
		release()
		t.refused = err
		return t, before
	}
	if before != nil && ev.After == "" && before.Key != ev.Block.Key {
		ev.After, ev.AfterID = before.Key, before.ID
	}
	ready, d, err := leading.look(ev)
	switch {
	case err != nil:
		release()
		t.refused = err
	case d != nil:
		release()
		answers := make(chan protocol.Answer, 1)
		answers <- decided(ev.Block, d)
		t.answers = answers
	default:
		ready.Waiter, t.answers = leading.waiters.enter(release)
		t.waiter = ready.Waiter
		leading.post(ready) // if the loop has ended, the waiter was abandoned, or will be at once
	}
	return t, ev.Block
}

// answer tells the client of its blocks, in order. One that is not committed is
// the last.
func (b *blockStream) answer() error {
	for {
		t, ok, err := b.next()
		if err != nil || !ok {
			return err
		}
		if t.refused != nil {
			return t.refused
		}
		out, err := b.result(t)
		if err != nil {
			return err
		}
		if err := b.stream.Send(out); err != nil {
			return err
		}
		<-b.room
		if out.Result.Decision != wirepb.Decision_DECISION_COMMITTED {
			return nil
		}
	}
}

// next waits for the next block; ok is false if there will be none. What was
// taken up is answered as far as its outcome is known, also by a coordinator that
// leads no more, or has stopped.
func (b *blockStream) next() (t takenBlock, ok bool, err error) {
	select {
	case t, ok = <-b.taken:
		return t, ok, nil
	default:
	}
	select {
	case t, ok = <-b.taken:
		return t, ok, nil
	case <-b.incarnation.ended:
		return t, false, b.incarnation.coordinator.redirect()
	case <-b.stream.Context().Done():
		return t, false, status.FromContextError(b.stream.Context().Err()).Err()
	}
}

func (b *blockStream) result(t takenBlock) (*wirepb.SubmitBlocksResponse, error) {
	a, err := b.await(b.stream.Context(), t)
	if err != nil {
		return nil, err
	}
	out, err := response(a, t.outcomes)
	if err != nil {
		return nil, err
	}
	return &wirepb.SubmitBlocksResponse{Key: t.key, Result: out}, nil
}

func (b *blockStream) await(ctx context.Context, t takenBlock) (protocol.Answer, error) {
	select {
	case a := <-t.answers:
		return a, b.incarnation.knownElsewhere(a)
	case <-ctx.Done():
		b.incarnation.waiters.leave(t.waiter)
		return protocol.Answer{}, status.FromContextError(ctx.Err()).Err()
	}
}

// leave gives up what is not answered: the blocks go on until their deadlines.
func (b *blockStream) leave() {
	close(b.gone)
	b.drop()
}

// drop forgets the blocks that wait here. Reader and call may both do it.
func (b *blockStream) drop() {
	for {
		select {
		case t, ok := <-b.taken:
			if !ok {
				return
			}
			b.incarnation.waiters.leave(t.waiter)
		default:
			return
		}
	}
}
