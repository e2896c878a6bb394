package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/proof"
	"github.com/lockstep-exec/lockstep/coordinator/client"
)

const (
	submitters = 12
	// lastPatience is what a block may take once nothing is broken any more.
	lastPatience = 60 * time.Second
	mostTries    = 5000
)

// patience is what a client gives a block: so little that it often ends before
// the answer, or enough to wait for a node to come back.
var patience = []time.Duration{300 * time.Millisecond, 2 * time.Second, 15 * time.Second}

// load submits blocks from many clients.
type load struct {
	plan    plan
	answers *answers
	client  *client.Coordinator
	next    atomic.Uint64 // number of the last block begun
	group   sync.WaitGroup
	failed  chan<- error

	calm   atomic.Bool        // nothing is broken any more
	resign context.CancelFunc // ends it at once
}

// startLoad has the opening block committed and then starts the clients. What
// must not happen is sent to failed.
func startLoad(p plan, address string, failed chan<- error) (*load, error) {
	c, err := client.NewCoordinator(address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{plan: p, answers: newAnswers(), client: c, failed: failed, resign: cancel}
	l.calm.Store(true)
	if err := l.see(ctx, p.block(0)); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	l.calm.Store(false)
	l.answers.last = time.Now()
	for range submitters {
		l.group.Go(func() { l.submit(ctx) })
	}
	return l, nil
}

// submit submits blocks until the faults are over.
func (l *load) submit(ctx context.Context) {
	for !l.calm.Load() && ctx.Err() == nil {
		if err := l.see(ctx, l.plan.block(l.next.Add(1))); err != nil {
			report(l.failed, err)
			return
		}
	}
}

// end waits until every block that was begun has its answer.
func (l *load) end() {
	l.calm.Store(true)
	l.group.Wait()
	l.close()
}

// close ends the clients, whatever they wait for.
func (l *load) close() {
	l.resign()
	l.group.Wait()
	_ = l.client.Close() // nothing is under way any more
}

// see submits a block, under the same key, until it is committed; a few are
// asked for again afterwards. Some are given up when their very first request is
// answered with aborted: a second one, still on its way, would be taken up.
func (l *load) see(ctx context.Context, b block) error {
	r := rand.New(rand.NewPCG(l.plan.seed, ^b.number))
	giveUp, again, body := b.number%4 == 1, b.number%16 == 2, b.body()
	requests := 0
	retrying := func(error, time.Duration) { requests++ }
	for range mostTries {
		requests++
		wait := patience[r.IntN(len(patience))]
		if l.calm.Load() {
			wait = lastPatience
		}
		began := time.Now()
		answer, err := l.client.Submit(ctx, client.Submission{Key: b.key, Body: body, Timeout: wait, Retrying: retrying})
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("block %q was refused: %w", b.key, err)
		case answer.Decision == client.Committed:
			if len(b.transactions) < blockSize {
				l.answers.took(time.Since(began))
			}
			if err := l.answers.commit(b.number, proof.HeightOf(answer.Block)); err != nil || !again {
				return err
			}
			again = false
		case answer.Decision == client.Aborted && giveUp && requests == 1:
			l.answers.abandon(b.number)
			return nil
		default:
			l.answers.count(string(answer.Decision))
		}
	}
	return fmt.Errorf("block %q was submitted %d times without coming to an end", b.key, mostTries)
}

// report hands on an error if nobody has handed on one before.
func report(failed chan<- error, err error) {
	select {
	case failed <- err:
	default:
	}
}
