package executor

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/outage"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
	"google.golang.org/grpc"
)

// Dialer makes a connection to a peer; it does not wait for it.
type Dialer func(peer protocol.ShardID, address string) (*grpc.ClientConn, error)

const (
	linkFirst = 50 * time.Millisecond
	linkMost  = time.Second
	// linkSilence is how long a peer may say nothing; it should every
	// progressInterval.
	linkSilence = 4 * time.Second
	// batchBytes is at what length a message takes no further value. Receivers
	// hold senders to it, so it may become less, and never more.
	batchBytes = 256 << 10
)

// longestBatch is the most bytes of values that a link sends in one message.
func longestBatch(l protocol.Limits) int { return batchBytes - 1 + valueHead + l.ValueBytes }

// link pushes one peer's outbox to it, and dials again whenever it breaks.
type link struct {
	exchange *Exchange
	peer     protocol.ShardID
	address  string
	cluster  protocol.ClusterID
	outbox   *Outbox
	failures int // in a row, for the wait
	trouble  *outage.Log
}

// keep holds the link until ctx ends.
func (l *link) keep(ctx context.Context) {
	for ctx.Err() == nil {
		began := time.Now()
		err := l.run(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > 2*linkMost {
			l.failures = 0
		}
		l.failures++
		l.exchange.traffic.breaks.Add(1)
		l.trouble.Warn("cannot push values to a peer: attempts that need them wait, trying again", "peer", l.peer, "address", l.address, "error", rpc.Sentence(err))
		select {
		case <-ctx.Done():
		case <-time.After(jitter(min(linkFirst<<min(l.failures, 8), linkMost))):
		}
	}
}

// jitter draws a wait of up to most: full jitter.
func jitter(most time.Duration) time.Duration { return rand.N(most) + time.Millisecond }

// run holds one stream until it breaks, and says why it did.
func (l *link) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err := l.hold(ctx, cancel)
	if cause := context.Cause(ctx); errors.Is(cause, errSilent) {
		return fmt.Errorf("%w for %v", cause, l.exchange.silence)
	}
	return err
}

// errSilent ends a stream of which nothing comes back.
var errSilent = errors.New("nothing heard from the peer")

func (l *link) hold(ctx context.Context, cancel context.CancelCauseFunc) error {
	var draining sync.WaitGroup
	defer draining.Wait()
	defer cancel(nil) // before the wait: it ends the reader
	conn, err := l.exchange.dial(l.peer, l.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	// A peer that says nothing is given up, in the greeting and afterwards.
	silent := time.AfterFunc(l.exchange.silence, func() { cancel(errSilent) })
	defer silent.Stop()
	stream, err := wirepb.NewExchangeServiceClient(conn).Push(ctx)
	if err != nil {
		return err
	}
	if err := l.greet(stream); err != nil {
		return err
	}
	l.trouble.Over("peer reached", "peer", l.peer, "address", l.address)
	l.failures = 0
	broken := make(chan error, 1)
	draining.Go(func() { broken <- l.drain(stream, silent) })
	return l.pump(ctx, stream, broken)
}

type pushStream = grpc.BidiStreamingClient[wirepb.ExchangeRequest, wirepb.ExchangeResponse]

func (l *link) greet(stream pushStream) error {
	hello := &wirepb.ExchangeHello{
		Cluster: l.cluster[:], FromShard: uint32(l.exchange.self), ToShard: uint32(l.peer), Instance: l.exchange.instance[:],
	}
	if err := stream.Send(&wirepb.ExchangeRequest{Request: &wirepb.ExchangeRequest_Hello{Hello: hello}}); err != nil {
		return err
	}
	answer, err := stream.Recv()
	if err != nil {
		return err
	}
	if refused := answer.GetRefused(); refused != nil {
		return errors.New(refused.GetReason())
	}
	if answer.GetAccepted() == nil {
		return errors.New("the peer did not accept the hello")
	}
	return nil
}

// drain reads the peer's progress, which shows that it is there: silent, which
// ends a stream that was cut silently, begins anew with each.
func (l *link) drain(stream pushStream, silent *time.Timer) error {
	for {
		silent.Reset(l.exchange.silence)
		if _, err := stream.Recv(); err != nil {
			return err
		}
	}
}

// pump sends the outbox from the front.
func (l *link) pump(ctx context.Context, stream pushStream, broken <-chan error) error {
	sent := uint64(0)
	for {
		entry, ok, changed := l.outbox.After(sent)
		if ok {
			if err := l.send(stream, entry); err != nil {
				return fmt.Errorf("%w (%w)", err, <-broken)
			}
			sent = entry.Number
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-broken:
			return err
		case <-changed:
		}
	}
}

func (l *link) send(stream pushStream, e OutboxEntry) error {
	for _, values := range SplitValues(e.Values, batchBytes) {
		batch := &wirepb.ExchangeBatch{
			Attempt: &wirepb.AttemptID{Height: uint64(e.Attempt.Height), Epoch: uint64(e.Attempt.Epoch), Attempt: e.Attempt.Attempt},
			Values:  values,
		}
		if err := stream.Send(&wirepb.ExchangeRequest{Request: &wirepb.ExchangeRequest_Batch{Batch: batch}}); err != nil {
			return err
		}
		l.exchange.traffic.sent.add(values)
	}
	return nil
}

// SplitValues cuts packed values at value boundaries into pieces of less than
// most bytes and a value more.
func SplitValues(b []byte, most int) [][]byte {
	var pieces [][]byte
	for len(b) > most {
		cut := 0
		rest := b
		for len(rest) > 0 && cut < most {
			n := packedLen(rest)
			cut += n
			rest = rest[n:]
		}
		pieces = append(pieces, b[:cut])
		b = rest
	}
	if len(b) > 0 {
		pieces = append(pieces, b)
	}
	return pieces
}
