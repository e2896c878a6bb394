package attack

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holiman/uint256"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/proof"
	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/tests/cluster"
)

const (
	submitters = 4
	accounts   = 500
	blockSize  = 100
	// thinking is how long a client waits between two blocks, so that an idle cluster
	// has room for more.
	thinking = 40 * time.Millisecond
	// patience is what a client gives a block.
	patience = 20 * time.Second
)

// load is that of well-behaved clients, who submit one block after the other.
type load struct {
	*siege
	client *client.Coordinator
	next   atomic.Uint64 // number of the last block begun
	over   chan struct{} // closed: no more blocks
	group  sync.WaitGroup

	mu      sync.Mutex
	answers []answer
}

// answer is a committed block.
type answer struct {
	proof.Height
	at   time.Time
	took time.Duration
}

// newLoad fills the accounts.
func newLoad(s *siege) *load {
	s.t.Helper()
	c, err := client.NewCoordinatorAs(s.identities.Client(), s.Addresses())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() }) // nothing is under way any more
	l := &load{siege: s, client: c}
	var opening []ledger.Op
	for i := range accounts {
		opening = append(opening, ledger.Credit(account(i), *uint256.NewInt(1_000_000)))
	}
	if err := l.submit(s.t.Context(), "opening", opening); err != nil {
		s.t.Fatal(err)
	}
	return l
}

// begin starts the clients, until end or the end of the test.
func (l *load) begin() {
	l.over = make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	for range submitters {
		l.group.Go(func() { l.submitBlocks(ctx) })
	}
	l.t.Cleanup(func() {
		cancel()
		l.group.Wait()
	})
}

func account(i int) string { return fmt.Sprintf("attack-%04d", i) }

// submitBlocks is one client.
func (l *load) submitBlocks(ctx context.Context) {
	ticker := time.NewTicker(thinking)
	defer ticker.Stop()
	for {
		number := l.next.Add(1)
		if err := l.submit(ctx, fmt.Sprintf("load/%d", number), transfers(l.seed, number)); err != nil {
			if ctx.Err() == nil {
				l.accuse(err)
			}
			return
		}
		select {
		case <-ticker.C:
		case <-l.over:
			return
		}
	}
}

// transfers makes up a block.
func transfers(seed, number uint64) []ledger.Op {
	r := rand.New(rand.NewPCG(seed, number))
	ops := make([]ledger.Op, blockSize)
	for i := range ops {
		ops[i] = ledger.Transfer(account(r.IntN(accounts)), account(r.IntN(accounts)), *uint256.NewInt(r.Uint64N(3000)))
	}
	return ops
}

// submit submits a block, under the same key, until it is committed.
func (l *load) submit(ctx context.Context, key string, ops []ledger.Op) error {
	var transactions []protocol.Transaction
	for _, op := range ops {
		t, err := ledger.NewTransaction(op)
		if err != nil {
			return err
		}
		transactions = append(transactions, t)
	}
	body := protocol.EncodeBody(transactions)
	if err := l.blocks.Put(key, body); err != nil {
		return err
	}
	began := time.Now()
	for {
		a, err := l.client.Submit(ctx, client.Submission{Key: key, Body: body, Timeout: patience})
		if err != nil {
			return fmt.Errorf("block %q was refused: %w", key, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if a.Decision == client.Committed {
			l.note(answer{proof.HeightOf(a.Block), time.Now(), time.Since(began)})
			return nil
		}
	}
}

func (l *load) note(a answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answers = append(l.answers, a)
}

// measure waits for a while, and then for the first block if there was none, and gives
// what clients had. It fails the test if something is wrong.
func (l *load) measure(while time.Duration) span {
	l.t.Helper()
	began, worked := time.Now(), processorTimeHere()
	timer := time.NewTimer(while)
	defer timer.Stop()
	select {
	case <-timer.C:
	case err := <-l.wrong:
		l.t.Fatal(err)
	}
	cluster.Await(l.t, "a block for any client", mostPause, func() string {
		if l.since(began) == nil {
			return "none was committed"
		}
		return ""
	})
	return span{began: began, ended: time.Now(), worked: processorTimeHere() - worked, answers: l.since(began)}
}

// since gives the blocks that were committed after a moment.
func (l *load) since(began time.Time) (answers []answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.answers {
		if a.at.After(began) {
			answers = append(answers, a)
		}
	}
	return answers
}

// end waits until every block that was begun has its answer.
func (l *load) end() {
	l.t.Helper()
	close(l.over)
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		l.group.Wait()
	}()
	select {
	case <-answered:
	case <-time.After(cluster.Within):
		l.t.Fatalf("clients have no answer %s after the attack", cluster.Within)
	}
	select {
	case err := <-l.wrong:
		l.t.Fatal(err)
	default:
	}
}
