package client

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Watch calls each with every committed block from a height on, with the outcomes of
// all transactions, in order and without gaps; from 0 begins with the next one. It
// goes on with another coordinator when one is lost, until ctx ends or each returns an
// error.
func (c *Coordinator) Watch(ctx context.Context, from uint64, each func(*wirepb.Block) error) error {
	if from == 0 {
		// Asked for once: blocks may come while a stream is lost.
		newest, err := c.ListBlocks(ctx, &wirepb.ListBlocksRequest{Limit: 1})
		if err != nil {
			return err
		}
		from = newest.GetHeight() + 1
	}
	w := &watcher{next: from, each: each}
	r := route{coordinator: c}
	for {
		p, err := c.reached(ctx)
		if err == nil {
			err = w.stream(ctx, c, p)
		}
		c.leave(p)
		switch {
		case w.failed != nil:
			return w.failed
		case ctx.Err() != nil:
			return ctx.Err()
		}
		why := p.explain(ctx, err)
		if status.Code(err) != codes.Unavailable {
			return why
		}
		if w.progress {
			r, w.progress = route{coordinator: c}, false
		}
		if !r.next(p, err) && pause(ctx, r.wait(), c.retrying, why) != nil {
			return ctx.Err()
		}
	}
}

// watcher is one Watch.
type watcher struct {
	next     uint64 // height of the block to come
	each     func(*wirepb.Block) error
	failed   error // of each, or of a coordinator that leaves blocks out
	progress bool  // a block came since it was last cleared
}

// stream hands on what comes from one coordinator, until it ends.
func (w *watcher) stream(ctx context.Context, c *Coordinator, p *peer) error {
	v := c.watch(ctx, p)
	stream, err := p.api.Watch(v.ctx, &wirepb.WatchRequest{FromHeight: w.next, IncludeOutcomes: true})
	for err == nil {
		var response *wirepb.WatchResponse
		if response, err = stream.Recv(); err == nil {
			v.heard()
			err = w.take(response.GetBlock())
		}
	}
	if errors.Is(err, io.EOF) {
		err = status.Error(codes.Unavailable, "it has ended the stream")
	}
	return v.end(err)
}

func (w *watcher) take(b *wirepb.Block) error {
	if b.GetHeight() != w.next {
		w.failed = fmt.Errorf("the coordinator sends block %d after block %d: is it of another version?", b.GetHeight(), w.next-1)
		return w.failed
	}
	w.failed = w.each(b)
	w.next, w.progress = b.GetHeight()+1, true
	return w.failed
}
