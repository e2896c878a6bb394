package raftnet

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// pipeline is a raft.AppendPipeline on one stream. AppendEntries is for one
// goroutine at a time, as in raft; the rest is safe for concurrent use.
//
// Consumer gives the requests that the target answered. Those that fail because
// the stream broke are not among them: raft takes whatever comes from there for
// a sign of life, and would renew the lease of a leader that is cut off. It
// learns of the break from the next AppendEntries, which it calls at least once
// in every CommitTimeout.
type pipeline struct {
	*call
	by     member
	stream wirepb.ReplicationService_AppendEntriesClient
	slots  chan struct{} // holds a token for each request that is not answered
	ready  chan raft.AppendFuture

	sending sync.Mutex // held by whoever sends on the stream

	mu      sync.Mutex
	waiting []*future // sent and not answered, oldest first
	closed  bool
	err     error // why the stream broke
}

// AppendEntriesPipeline implements raft.Transport.
func (t *Transport) AppendEntriesPipeline(id raft.ServerID, target raft.ServerAddress) (raft.AppendPipeline, error) {
	p, err := t.openPipeline(id, target)
	if err != nil {
		return nil, err // not a nil pointer in an interface
	}
	return p, nil
}

// openPipeline returns when the target has accepted the stream.
func (t *Transport) openPipeline(id raft.ServerID, target raft.ServerAddress) (*pipeline, error) {
	c, err := t.begin(id, target)
	if err != nil {
		return nil, err
	}
	p := &pipeline{
		call:  c,
		slots: make(chan struct{}, t.options.InFlight),
		ready: make(chan raft.AppendFuture, t.options.InFlight),
	}
	s := c.listen()
	if err := p.open(); err != nil {
		s.over()
		err = c.failed("open a pipeline to", err)
		c.cancel(nil)
		return nil, err
	}
	if !t.goFunc(func() { p.receive(s) }) {
		s.over()
		c.cancel(nil)
		return nil, raft.ErrTransportShutdown
	}
	return p, nil
}

func (p *pipeline) open() error {
	var err error
	if p.stream, err = p.to.AppendEntries(p.ctx); err != nil {
		return err
	}
	// If it cannot be sent, Recv tells why.
	_ = p.stream.Send(&wirepb.AppendEntriesRequest{Frame: &wirepb.AppendEntriesRequest_Open{Open: p.opening()}})
	m, err := p.stream.Recv()
	if err != nil {
		return err
	}
	p.by, err = p.t.answered(p.peer, m.GetAccepted())
	return err
}

// opening begins a stream.
func (c *call) opening() *wirepb.ReplicationOpen {
	return &wirepb.ReplicationOpen{
		Caller:         c.t.caller(c.peer),
		PatienceMillis: uint32(min(c.t.options.Timeout, time.Hour).Milliseconds()), //nolint:G115 // at most those of an hour
	}
}

// AppendEntries implements raft.AppendPipeline. It waits while InFlight requests
// have no answer, and while the target takes no more.
func (p *pipeline) AppendEntries(args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	batches, err := p.t.options.batches(args)
	if err != nil {
		return nil, err
	}
	select {
	case p.slots <- struct{}{}:
	case <-p.ctx.Done():
		return nil, p.broken()
	}
	f := &future{start: time.Now(), args: args, resp: resp, unanswered: len(batches), done: make(chan struct{})}
	if err := p.enqueue(f); err != nil {
		return nil, err
	}
	if err := p.send(batches); err != nil {
		if !errors.Is(err, io.EOF) { // else the stream has ended, and the receiver finds out why
			p.cancel(err)
		}
		select {
		case <-f.done:
		case <-p.ctx.Done():
		}
		return nil, p.broken()
	}
	return f, nil
}

func (p *pipeline) send(batches []*raft.AppendEntriesRequest) error {
	p.sending.Lock()
	defer p.sending.Unlock()
	for _, batch := range batches {
		if err := p.t.options.frames(batch, p.stream.Send); err != nil {
			return err
		}
	}
	return nil
}

// broken tells why the pipeline takes no more.
func (p *pipeline) broken() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return raft.ErrPipelineShutdown
	case p.err != nil:
		return p.err
	}
	return context.Cause(p.ctx)
}

func (p *pipeline) enqueue(f *future) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return raft.ErrPipelineShutdown
	case p.err != nil:
		return p.err
	}
	p.waiting = append(p.waiting, f)
	return nil
}

// receive takes answers until the stream ends.
func (p *pipeline) receive(s silence) {
	defer p.cancel(nil)
	defer s.over()
	for {
		m, err := p.stream.Recv()
		if err != nil {
			p.fail(err)
			return
		}
		s.heard()
		if reply := m.GetReply(); reply != nil {
			if err := p.answered(reply); err != nil {
				p.fail(err)
				return
			}
		}
	}
}

// answered gives an answer to the oldest request, and hands it to raft if it is
// the last one for it.
func (p *pipeline) answered(r *wirepb.AppendReply) error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	if len(p.waiting) == 0 {
		p.mu.Unlock()
		return malformed("an answer without a request")
	}
	f := p.waiting[0]
	if !f.answer(p.by, r) {
		p.mu.Unlock()
		return nil
	}
	p.waiting[0] = nil
	p.waiting = p.waiting[1:]
	p.t.peers.contact(p.peer)
	if !f.failed {
		p.t.peers.acknowledged(p.peer, f.args.PrevLogEntry+uint64(len(f.args.Entries)))
	}
	close(f.done) // from here on raft uses the request again
	p.mu.Unlock()
	select {
	case p.ready <- f:
	case <-p.ctx.Done():
	}
	<-p.slots
	return nil
}

// fail ends the pipeline and everything that waits.
func (p *pipeline) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.err = p.failed("append to", err)
	p.end(p.err)
}

// end fails what waits. The caller holds the mutex.
func (p *pipeline) end(err error) {
	for _, f := range p.waiting {
		f.err = err
		close(f.done)
	}
	p.waiting = nil
}

// Consumer implements raft.AppendPipeline.
func (p *pipeline) Consumer() <-chan raft.AppendFuture { return p.ready }

// Close implements raft.AppendPipeline. Requests without answer fail with
// raft.ErrPipelineShutdown, and nothing is written to their responses any more.
// What was sent still arrives if it can within a Timeout: raft counts on that
// when it tells a member that it is removed.
func (p *pipeline) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	inFlight := len(p.waiting) > 0
	p.end(raft.ErrPipelineShutdown)
	if inFlight && p.closeSend() {
		time.AfterFunc(p.t.options.Timeout, func() { p.cancel(raft.ErrPipelineShutdown) })
	} else {
		p.cancel(raft.ErrPipelineShutdown)
	}
	return nil
}

// closeSend says that no request follows, unless one is half sent.
func (p *pipeline) closeSend() bool {
	if !p.sending.TryLock() {
		return false
	}
	defer p.sending.Unlock()
	return p.stream.CloseSend() == nil
}
