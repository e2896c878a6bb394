package coordinator

import (
	"sync"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

func result(tag uint64, index int, a protocol.Answer) *wirepb.TransactionResult {
	r := &wirepb.TransactionResult{Tag: tag, Decision: decisionOf(a.Verdict), Reason: a.Reason}
	if a.Decision != nil {
		r.Height, r.Index, r.Outcome = uint64(a.Decision.Height()), uint32(index), a.Decision.Outcomes.At(index)
	}
	return r
}

// streamUnread is the most transactions of one stream that were taken up and
// whose results were not sent. A client that does not read its results is not
// read any more, so it fills nobody's memory.
const streamUnread = 1 << 14

// results collects what one stream is to be told.
type results struct {
	unread  chan struct{} // a token per transaction taken up, until its result is sent
	mu      sync.Mutex
	waiting []*wirepb.TransactionResult
	owed    map[uint64]struct{} // tags in use
	changed chan struct{}       // capacity 1
}

func newResults(unread int) *results {
	return &results{unread: make(chan struct{}, unread), owed: map[uint64]struct{}{}, changed: make(chan struct{}, 1)}
}

func (r *results) add(t *wirepb.TransactionResult) {
	r.mu.Lock()
	r.waiting = append(r.waiting, t)
	delete(r.owed, t.Tag)
	r.mu.Unlock()
	r.notify()
}

func (r *results) notify() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// owe notes a tag; false if it is in use.
func (r *results) owe(tag uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, taken := r.owed[tag]; taken {
		return false
	}
	r.owed[tag] = struct{}{}
	return true
}

func (r *results) take() (taken []*wirepb.TransactionResult, owed int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken, r.waiting = r.waiting, nil
	return taken, len(r.owed)
}

// sent makes room for as many transactions.
func (r *results) sent(n int) {
	for range n {
		<-r.unread
	}
}
