package bench

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/workload"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/coordinator/client"
)

// submitTimeout bounds how long one block may take.
const submitTimeout = 3 * time.Minute

// sample is one block with its answer.
type sample struct {
	began        time.Duration // since the start of the load
	took         time.Duration
	transactions int
	crossShard   int
}

// load is blocks that are submitted, some at once. It is safe for concurrent
// use.
type load struct {
	client   *client.Coordinator
	prefix   string                             // of the block keys
	next     func(int) (workload.Block, error)  // by number, from 0
	blocks   int                                // how many; 0 for no bound
	duration time.Duration                      // how long; 0 for no bound
	ended    <-chan struct{}                    // closed when it is enough; nil for no such bound
	patience time.Duration                      // time for a block, after which it is submitted again; 0 if all must be committed within submitTimeout
	landed   func(blocks, transactions int)     // is told the sums; may be nil
	sent     func(key string, b workload.Block) // is told what is submitted; may be nil
	ordered  bool                               // whether the blocks must be committed in their order; patience is none then

	began time.Time

	mu           sync.Mutex
	taken        int
	repeated     int // submissions that had to be made again
	transactions int
	samples      []sample // in the order of the answers
	outcomes     map[string]uint64
}

// result is what a load came to.
type result struct {
	began        time.Time
	elapsed      time.Duration // from the first submission to the last answer
	samples      []sample      // in the order of the submissions
	outcomes     map[string]uint64
	transactions int
	repeated     int // submissions that had to be made again
}

// run submits until the bounds are reached, and waits for all answers.
func (l *load) run(ctx context.Context, pipeline int) (result, error) {
	l.began, l.outcomes = time.Now(), map[string]uint64{}
	submit := l.submitSome
	if l.ordered {
		submit = l.submitInOrder
	}
	if err := submit(ctx, pipeline); err != nil {
		return result{}, err
	}
	r := result{began: l.began, elapsed: time.Since(l.began), samples: l.samples, outcomes: l.outcomes, transactions: l.transactions, repeated: l.repeated}
	slices.SortFunc(r.samples, func(a, b sample) int { return int(a.began - b.began) })
	return r, nil
}

// submitSome submits all blocks, so many of them at once, in any order.
func (l *load) submitSome(ctx context.Context, pipeline int) error {
	group, ctx := errgroup.WithContext(ctx)
	for range pipeline {
		group.Go(func() error { return l.submitAll(ctx) })
	}
	return group.Wait()
}

func (l *load) submitAll(ctx context.Context) error {
	for {
		i, more := l.take()
		if !more {
			return nil
		}
		b, err := l.next(i)
		if err != nil {
			return err
		}
		if err := l.submit(ctx, i, b); err != nil {
			return err
		}
	}
}

// take gives the number of the next block.
func (l *load) take() (i int, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.blocks > 0 && l.taken == l.blocks || l.duration > 0 && time.Since(l.began) >= l.duration {
		return 0, false
	}
	select {
	case <-l.ended:
		return 0, false
	default:
	}
	l.taken++
	return l.taken - 1, true
}

func (l *load) submit(ctx context.Context, i int, b workload.Block) error {
	key := l.key(i, b)
	began := time.Now()
	answer, err := l.await(ctx, key, b.Body)
	return l.tell(ctx, key, b, began, answer, err)
}

// key names a block that is about to be submitted.
func (l *load) key(i int, b workload.Block) string {
	key := b.Key
	if key == "" {
		key = fmt.Sprintf("%s/%d", l.prefix, i)
	}
	if l.sent != nil {
		l.sent(key, b)
	}
	return key
}

// tell notes what became of a block. One that is not committed is an error.
func (l *load) tell(ctx context.Context, key string, b workload.Block, began time.Time, answer client.Answer, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("block %q was refused: %w", key, err)
	case ctx.Err() != nil && answer.Decision != client.Committed:
		return context.Cause(ctx)
	case answer.Decision == client.Unknown:
		return cli.Unknownf("the outcome of block %q is not known: %s", key, answer.Reason)
	case answer.Decision != client.Committed:
		return fmt.Errorf("block %q was not committed but %s: %s", key, answer.Decision, answer.Reason)
	}
	l.note(sample{began.Sub(l.began), time.Since(began), b.Transactions, b.CrossShard}, answer)
	return nil
}

// await submits a block until it is answered; with patience, until it is
// committed.
func (l *load) await(ctx context.Context, key string, body []byte) (client.Answer, error) {
	timeout := submitTimeout
	if l.patience > 0 {
		timeout = l.patience
	}
	for {
		answer, err := l.client.Submit(ctx, client.Submission{Key: key, Body: body, Timeout: timeout})
		if err != nil || answer.Decision == client.Committed || l.patience == 0 || ctx.Err() != nil {
			return answer, err
		}
		l.mu.Lock()
		l.repeated++
		l.mu.Unlock()
	}
}

func (l *load) note(s sample, a client.Answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.samples = append(l.samples, s)
	l.transactions += s.transactions
	for _, o := range a.Block.GetOutcomeCounts() {
		l.outcomes[o.GetName()] += o.GetCount()
	}
	if l.landed != nil {
		l.landed(len(l.samples), l.transactions)
	}
}

// pace is transactions a second.
func (r result) pace() float64 { return float64(r.transactions) / max(r.elapsed.Seconds(), 1e-9) }

// latencies are the times of all blocks.
func (r result) latencies() (all []time.Duration) {
	for _, s := range r.samples {
		all = append(all, s.took)
	}
	return all
}

// crossShare is the share of transactions whose keys live on several shards.
func (r result) crossShare() float64 {
	n := 0
	for _, s := range r.samples {
		n += s.crossShard
	}
	return per(float64(n), r.transactions)
}
