package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/wire"
)

// mostRedirects is how often in a row one call goes where it is sent without a
// pause: two coordinators may each take the other for the leader.
const mostRedirects = 2

// route is the way of one call to the coordinator that leads.
type route struct {
	coordinator *Coordinator
	delays      delays
	redirects   int // followed in a row
	hopeful     int // failures for which there is hope that one will lead soon
}

// next takes the error of a call to p, and makes another coordinator the preferred
// one. If it reports true, p has sent the caller there, and there is no need to
// wait.
func (r *route) next(p *peer, err error) (follows bool) {
	c := r.coordinator
	leader, elsewhere := wire.Leader(err)
	if elsewhere {
		r.hopeful = c.known() + 1
	}
	if leader != "" && leader != p.address && r.redirects < mostRedirects && c.follow(leader) {
		r.redirects++
		return true
	}
	r.redirects = 0
	c.passOver(p)
	return false
}

// wait gives the pause before the next try: a short one while coordinators answer,
// of which one will lead before long.
func (r *route) wait() time.Duration {
	if r.hopeful > 0 {
		r.hopeful--
		return r.delays.next(mostLeaderDelay)
	}
	return r.delays.next(mostDelay)
}

// ask makes a call that may be made more than once to one coordinator after the
// other, beginning with the one that answered last, until one answers. It gives up
// when none of them does; as long as some do, of which none leads, it tries again
// until ctx ends.
func ask[A any](ctx context.Context, c *Coordinator, do func(context.Context, *peer) (A, error)) (A, error) {
	r := route{coordinator: c}
	var (
		hope    error // why the members that answered last cannot do it
		hoping  bool  // one of this round did
		outside error // what one says that takes no part in the cluster
	)
	for failures := 0; ; {
		p, answer, err := askOne(ctx, c, do)
		if err == nil {
			return answer, nil
		}
		why := p.explain(ctx, err)
		switch {
		case hope != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
			return answer, hope // that it had no time left for the last one tells nobody anything
		case status.Code(err) != codes.Unavailable || ctx.Err() != nil:
			return answer, why
		}
		switch _, elsewhere := wire.Leader(err); {
		case elsewhere && !wire.IsNotMember(err):
			hope, hoping = why, true
		case elsewhere && outside == nil:
			outside = why
		}
		if r.next(p, err) {
			continue
		}
		if failures++; failures%c.known() != 0 {
			continue
		}
		if !hoping && outside != nil {
			return answer, outside
		}
		if !hoping {
			return answer, c.nobody(why)
		}
		if pause(ctx, r.wait(), c.retrying, hope) != nil {
			return answer, hope
		}
		hoping, outside = false, nil
	}
}

// askOne asks the preferred coordinator, and tells which that was.
func askOne[A any](ctx context.Context, c *Coordinator, do func(context.Context, *peer) (A, error)) (p *peer, answer A, err error) {
	p, err = c.reached(ctx)
	defer c.leave(p)
	if err == nil {
		answer, err = do(ctx, p)
	}
	return p, answer, err
}

// read is ask for what changes nothing: the call is made again elsewhere if the
// coordinator falls silent and another one leads.
func read[A any](ctx context.Context, c *Coordinator, do func(context.Context, *peer) (A, error)) (A, error) {
	return ask(ctx, c, func(ctx context.Context, p *peer) (A, error) {
		v := c.watch(ctx, p)
		answer, err := do(v.ctx, p)
		return answer, v.end(err)
	})
}

// nobody adds who else was asked in vain.
func (c *Coordinator) nobody(last error) error {
	if n := c.known(); n > 1 {
		return fmt.Errorf("none of the %d coordinators answers; the last: %w", n, last)
	}
	return last
}
