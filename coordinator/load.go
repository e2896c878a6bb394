package coordinator

import (
	"fmt"
	"sync"

	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
	"google.golang.org/grpc/codes"
)

// What a transaction that came on a stream, and each key of it, takes in memory beside
// their contents, as a message and as what is made of it.
const (
	perTransaction = 384
	perKey         = 160
)

// weightOf is what transactions take in memory, about.
func weightOf(list ...*wirepb.TaggedTransaction) (bytes int64) {
	for _, t := range list {
		bytes += perTransaction + int64(len(t.GetTransaction().GetPayload()))
		for _, a := range t.GetTransaction().GetAccess() {
			bytes += perKey + int64(len(a.GetKey()))
		}
	}
	return bytes
}

// load is the room that a request of transactions takes, until each of them is
// answered. It is safe for concurrent use.
type load struct {
	b *batcher

	mu   sync.Mutex
	left int64 // weight of what is not answered
	held int64 // of it; less if it is more than there is room for
}

// load takes room for a request that was read. Who finds none is turned away, for to
// wait with it would take the memory all the same. That does not happen to a few streams
// of small requests: they wait for their transactions to be taken up before there is so
// much. A request that is larger than all the room there is takes all of it.
func (b *batcher) load(list []*wirepb.TaggedTransaction) (*load, error) {
	weight := weightOf(list...)
	l := &load{b: b, left: weight, held: min(weight, b.most)}
	if !b.loads.TryAcquire(l.held) {
		return nil, wire.RetryLater(codes.ResourceExhausted, retryAfter,
			fmt.Sprintf("transactions of %d MiB are waiting already: try again later", b.most>>20))
	}
	return l, nil
}

// give gives back the room of transactions.
func (l *load) give(weight int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left -= weight
	held := min(l.left, l.held)
	l.b.loads.Release(l.held - held)
	l.held = held
}
