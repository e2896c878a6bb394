package client

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Client submits blocks to a cluster and reads from it, for programs of one's own. It
// finds the coordinator that leads, and tries again what is safe to try again until the
// ctx of the call ends. It may be used from many goroutines at once.
type Client struct {
	coordinator *Coordinator
	options     Options
}

// Options configures a Client. The zero value is ready for use.
type Options struct {
	// Timeout is how long a block may take: then it is withdrawn. It also bounds Get
	// and Status if their ctx has no deadline. 0 means one minute.
	Timeout time.Duration
	// Retrying is told before each pause why something is tried again after it; nil
	// tells nobody. It may be called from several goroutines at once.
	Retrying Retrying
	// Identity proves who this program is, and who the coordinators are; nil for
	// plaintext.
	Identity *identity.Identity
}

// New makes a client of the coordinators at these addresses, HOST:PORT. One that leads
// elsewhere is found as long as one of them answers. It connects when it is first
// used; an error means that an address is none.
func New(addresses []string, o Options) (*Client, error) {
	coordinator, err := NewCoordinatorAs(o.Identity, strings.Join(addresses, ","))
	if err != nil {
		return nil, err
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Minute
	}
	coordinator.OnRetry(o.Retrying)
	return &Client{coordinator: coordinator, options: o}, nil
}

// Close ends all connections. No call may be under way.
func (c *Client) Close() error { return c.coordinator.Close() }

// Submit has a block of transactions executed, and waits until its outcome is known.
//
// The key names the block, for good: submitting it again gives the same result and
// executes nothing. Take one from what the block is about, such as the number of a
// batch, so that a program that was restarted asks with the same one. A key with
// other transactions is refused.
//
// An error is ErrAborted, ErrRefused or ErrUnknown, as a *BlockError. A block that is not
// decided within Options.Timeout, or a moment before the deadline of ctx if that is
// earlier, is withdrawn: ErrAborted. News of that may take five seconds more. If ctx
// ends before it comes the error is ErrUnknown.
func (c *Client) Submit(ctx context.Context, key string, transactions []protocol.Transaction) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, &BlockError{Key: key, kind: ErrAborted, reason: "it was not sent, for its context had ended", cause: err}
	}
	answer, err := c.coordinator.Submit(ctx, c.submission(key, transactions, c.patience(ctx)))
	return resultOf(key, answer, err)
}

// Block is a block to submit.
type Block struct {
	Key          string
	Transactions []protocol.Transaction
}

// SubmitInOrder submits the blocks of a feed until it is closed, with at most so many
// under way at once, and calls landed, from one goroutine, with what Submit would give
// for each, in that order. A block is committed only after those before it: the first
// that is not committed is the last to land, and ends the call without an error. What
// is still in the feed then is not read: whoever fills it must be able to stop.
//
// The error is that of landed, or that of ctx if it ends while no block waits.
func (c *Client) SubmitInOrder(ctx context.Context, feed <-chan Block, most int, landed func(key string, r Result, err error) error) error {
	ctx, cancel := context.WithCancel(ctx)
	submissions, ended := make(chan Submission), make(chan struct{})
	defer func() { cancel(); <-ended }()
	go func() {
		defer close(ended)
		c.forward(ctx, feed, submissions)
	}()
	return c.coordinator.SubmitInOrder(ctx, submissions, most, func(l Landed) error {
		result, err := resultOf(l.Key, l.Answer, l.Err)
		return landed(l.Key, result, err)
	})
}

// forward encodes the blocks of a feed until it is closed, and closes the other one,
// or until ctx ends.
func (c *Client) forward(ctx context.Context, feed <-chan Block, to chan<- Submission) {
	for {
		select {
		case block, ok := <-feed:
			if !ok {
				close(to)
				return
			}
			select {
			case to <- c.submission(block.Key, block.Transactions, c.options.Timeout):
			case <-ctx.Done():
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

func (c *Client) submission(key string, transactions []protocol.Transaction, timeout time.Duration) Submission {
	return Submission{Key: key, Body: protocol.EncodeBody(transactions), Timeout: timeout, Outcomes: true, Retrying: c.options.Retrying}
}

// patience is how long a block may take: less than ctx allows, so that the news of its
// withdrawal still arrives.
func (c *Client) patience(ctx context.Context) time.Duration {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return c.options.Timeout
	}
	left := time.Until(deadline)
	return min(c.options.Timeout, left-min(left/4, time.Second))
}

// Snapshot is what keys held at one height.
type Snapshot struct {
	Height uint64
	Values []Value // in the order of the keys
}

// Value is what a key holds; Present is false if it is absent.
type Value struct {
	Bytes   []byte
	Present bool
}

// Get reads keys, on any shards, all as of one committed height: the newest if height
// is 0. Heights before the last few are not kept.
func (c *Client) Get(ctx context.Context, height uint64, keys ...[]byte) (Snapshot, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	response, err := c.coordinator.Get(ctx, keys, height)
	if err != nil {
		return Snapshot{}, err
	}
	out := Snapshot{Height: response.GetHeight()}
	for _, v := range response.GetValues() {
		out.Values = append(out.Values, Value{Bytes: v.GetValue(), Present: v.GetFound()})
	}
	return out, nil
}

// Status gives the cluster at a glance, as the coordinator sees it that leads.
func (c *Client) Status(ctx context.Context) (*wirepb.ClusterStatus, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	return c.coordinator.Status(ctx)
}

// Watch calls each with every committed block from a height on, in order and without
// gaps, as they come; from 0 begins with the next one. It goes on when connections
// break and leaders change, until ctx ends, which the error says, or each returns
// one.
func (c *Client) Watch(ctx context.Context, from uint64, each func(Result) error) error {
	return c.coordinator.Watch(ctx, from, func(b *wirepb.Block) error {
		r, err := parseResult(b)
		if err != nil {
			return fmt.Errorf("read block %d: %w", b.GetHeight(), err)
		}
		return each(r)
	})
}

// bounded gives a call a deadline if it has none.
func (c *Client) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, bounded := ctx.Deadline(); bounded {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.options.Timeout)
}
