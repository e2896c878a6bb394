package bench

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/workload"
	"github.com/lockstep-exec/lockstep/coordinator/client"
)

// launched is a block that is under way in order.
type launched struct {
	key   string
	block workload.Block
	began time.Time
}

// submitInOrder submits all blocks in their order, so many of them under way.
func (l *load) submitInOrder(ctx context.Context, pipeline int) error {
	group, ctx := errgroup.WithContext(ctx)
	feed, flying := make(chan client.Submission), make(chan launched, pipeline)
	group.Go(func() error {
		defer close(feed)
		return l.feed(ctx, feed, flying)
	})
	group.Go(func() error {
		return l.client.SubmitInOrder(ctx, feed, pipeline, func(landed client.Landed) error {
			one := <-flying
			return l.tell(ctx, one.key, one.block, one.began, landed.Answer, landed.Err)
		})
	})
	return group.Wait()
}

func (l *load) feed(ctx context.Context, feed chan<- client.Submission, flying chan<- launched) error {
	for {
		i, more := l.take()
		if !more {
			return nil
		}
		b, err := l.next(i)
		if err != nil {
			return err
		}
		one := launched{key: l.key(i, b), block: b}
		select {
		case feed <- client.Submission{Key: one.key, Body: b.Body, Timeout: submitTimeout}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		one.began = time.Now()
		select {
		case flying <- one:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
