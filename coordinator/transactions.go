package coordinator

import (
	"context"
	"errors"
	"io"

	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

type submitStream = grpc.BidiStreamingServer[wirepb.SubmitTransactionsRequest, wirepb.SubmitTransactionsResponse]

// SubmitTransactions takes transactions one by one; the coordinator makes
// blocks of them. A reader takes them up while there is room; the client's
// flow control does the rest.
func (s *api) SubmitTransactions(stream submitStream) error {
	leading, err := s.coordinator.leading()
	if err != nil {
		return err
	}
	r := newResults(streamUnread)
	read := make(chan error, 1)
	go func() {
		read <- leading.takeUp(stream, r)
		r.notify()
	}()
	reading := true
	var ending error // nil if the client has no more
	for {
		taken, owed := r.take()
		if len(taken) > 0 {
			if err := stream.Send(&wirepb.SubmitTransactionsResponse{Results: taken}); err != nil {
				return err
			}
			r.sent(len(taken))
			continue
		}
		if !reading && owed == 0 {
			return ending
		}
		select {
		case err := <-read:
			if _, turnedAway := wire.RetryAfter(err); turnedAway {
				ending = err // once it is told of all that was taken up
			} else if !errors.Is(err, io.EOF) {
				return err
			}
			reading = false
		case <-r.changed:
		case <-stream.Context().Done():
			return status.FromContextError(stream.Context().Err()).Err()
		case <-leading.ended:
			return s.coordinator.redirect() // the outcome of what was not answered is unknown
		}
	}
}

// takeUp reads transactions until the client has no more.
func (in *incarnation) takeUp(stream submitStream, r *results) error {
	for {
		request, err := stream.Recv()
		if err != nil {
			return err
		}
		if err := in.room(); err != nil {
			return err
		}
		if err := in.unload(stream.Context(), request.GetTransactions(), r); err != nil {
			return err
		}
	}
}

// unload takes up the transactions of a request, and forgets each, as the request is
// held until all of them are taken up.
func (in *incarnation) unload(ctx context.Context, list []*wirepb.TaggedTransaction, r *results) error {
	from, err := in.batcher.load(list)
	if err != nil {
		return err
	}
	for i, t := range list {
		if err := in.admit(ctx, t, from, r); err != nil {
			from.give(weightOf(list[i:]...))
			return err
		}
		list[i] = nil
	}
	return nil
}

// admit checks a transaction, and takes it up when there is room for it.
func (in *incarnation) admit(ctx context.Context, t *wirepb.TaggedTransaction, from *load, r *results) error {
	transaction, err := wire.Transaction(t.GetTransaction(), in.config.Limits)
	if err != nil {
		return err
	}
	if most := in.config.Limits.BlockBytes - bodyHead; transaction.EncodedLen() > most {
		return status.Errorf(codes.InvalidArgument, "transaction of %d bytes does not fit into a block, which holds %d", transaction.EncodedLen(), most)
	}
	if !r.owe(t.GetTag()) {
		return status.Errorf(codes.InvalidArgument, "tag %d is in use on this stream", t.GetTag())
	}
	return in.batcher.enter(ctx, tagged{tag: t.GetTag(), transaction: transaction, results: r, weight: weightOf(t), load: from})
}
