package raftnet

import (
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// future is a request of a pipeline. Its pipeline guards all that changes, until
// done is closed.
type future struct {
	start time.Time
	args  *raft.AppendEntriesRequest
	resp  *raft.AppendEntriesResponse
	// unanswered counts the requests into which it was cut that have no answer.
	unanswered int
	failed     bool // resp and err are those of the first that failed
	err        error
	done       chan struct{}
}

// Error implements raft.AppendFuture; it waits for the answer.
func (f *future) Error() error {
	<-f.done
	return f.err
}

// Start implements raft.AppendFuture.
func (f *future) Start() time.Time { return f.start }

// Request implements raft.AppendFuture.
func (f *future) Request() *raft.AppendEntriesRequest { return f.args }

// Response implements raft.AppendFuture.
func (f *future) Response() *raft.AppendEntriesResponse { return f.resp }

// answer takes the next answer, and reports whether it was the last one. What
// counts is the first that failed, or the last.
func (f *future) answer(by member, r *wirepb.AppendReply) (last bool) {
	if !f.failed {
		*f.resp = responseOf(by.header(f.args.ProtocolVersion), r)
		f.err = remote(by.Name, r.GetError())
		f.failed = f.err != nil || !r.GetSuccess()
	}
	f.unanswered--
	return f.unanswered == 0
}
