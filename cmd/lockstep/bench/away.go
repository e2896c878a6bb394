package bench

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/workload"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

// Away is what became of the others while a shard was away and blocks were
// submitted all the same.
type Away struct {
	Shard     string     `json:"shard"`
	Seconds   float64    `json:"seconds"`
	Window    float64    `json:"window_s"` // what the first and the last mean are of
	Survivors []Survivor `json:"survivors"`
	Repeated  int        `json:"submissions_repeated"` // as clients do whose block was aborted at its deadline
	Resumed   float64    `json:"resumed_s"`            // from the start of the shard until a block was committed
	Blocks    int        `json:"blocks_afterwards"`    // committed after it was back
}

// Survivor is the resident memory of a daemon while another was away.
type Survivor struct {
	Name  string `json:"name"`
	First int64  `json:"rss_first_bytes"` // mean of the first window
	Last  int64  `json:"rss_last_bytes"`  // mean of the last window
	Peak  int64  `json:"rss_peak_bytes"`  // of the whole time
}

const (
	// awayPatience is what a client gives a block before it submits it again.
	awayPatience = 5 * time.Second
	// awayWindow is what the first and the last mean are of, if the shard is
	// away for five times as long.
	awayWindow = time.Minute
	// awayProof is how many blocks must be committed for each that can be under
	// way, to prove that the load goes on.
	awayProof = 4
)

// away kills the last shard under load, keeps it away while the load goes on,
// and starts it again.
func (b *bench) away(ctx context.Context, c *cluster, p *prover) (a *Away, err error) {
	d := c.daemons[len(c.daemons)-1]
	enough, landed := make(chan struct{}), make(chan int, 1)
	loading := load{
		client: c.client, prefix: b.prefix + "/away", sent: p.sent, ended: enough, patience: awayPatience,
		next:   func(i int) (workload.Block, error) { return b.supply.at(i), nil },
		landed: func(blocks, _ int) { replace(landed, blocks) },
	}
	var loaded result
	group, running := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		loaded, err = loading.run(running, b.options.Pipeline)
		return err
	})
	group.Go(func() (err error) {
		defer close(enough)
		a, err = b.leaveAndReturn(running, c, d, landed)
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("load without %s: %w", d.name, err)
	}
	a.Repeated = loaded.repeated
	if _, err := c.await(ctx, d.name+" has caught up", level); err != nil {
		return nil, err
	}
	b.story.Say("%s was away for %s; a block was committed %.2fs after it was started again", a.Shard, report.Duration(b.options.Away), a.Resumed)
	return a, nil
}

// leaveAndReturn is the absence; landed has the number of blocks that were
// committed by now.
func (b *bench) leaveAndReturn(ctx context.Context, c *cluster, d *daemon, landed <-chan int) (*Away, error) {
	before, err := awaitBlocks(ctx, landed, b.options.Pipeline)
	if err != nil {
		return nil, err
	}
	d.Kill()
	survivors, err := b.watchWithout(ctx, c, d)
	if err != nil {
		return nil, err
	}
	window := min(awayWindow, b.options.Away/5).Seconds()
	a := &Away{Shard: d.name, Seconds: b.options.Away.Seconds(), Window: window, Survivors: survivorsOf(survivors, b.options.Away.Seconds(), window)}
	select {
	case n := <-landed:
		before = max(before, n) // what was decided as it was killed
	default:
	}
	began := time.Now()
	if err := c.run(d); err != nil {
		return nil, err
	}
	if err := d.serving(ctx); err != nil {
		return nil, err
	}
	if _, err := awaitBlocks(ctx, landed, before+1); err != nil {
		return nil, err
	}
	a.Resumed = time.Since(began).Seconds()
	after, err := awaitBlocks(ctx, landed, before+awayProof*b.options.Pipeline)
	a.Blocks = after - before
	return a, err
}

// watchWithout looks at all daemons but one, for as long as it is away.
func (b *bench) watchWithout(ctx context.Context, c *cluster, gone *daemon) (*watch, error) {
	var which []watched
	for _, d := range c.daemons {
		if d != gone {
			which = append(which, watched{d.name, d.PID(), pages{}})
		}
	}
	w, err := newWatch(which)
	if err != nil {
		return nil, err
	}
	defer w.end()
	over := time.NewTimer(b.options.Away)
	defer over.Stop()
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()
	for {
		select {
		case <-over.C:
			return w, nil
		case <-ticker.C:
			b.story.Progress("%s is away for %s of %s", gone.name, report.Duration(time.Since(w.began).Truncate(time.Second)), report.Duration(b.options.Away))
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func survivorsOf(w *watch, seconds, window float64) (all []Survivor) {
	for i, p := range w.which {
		points := w.points[i]
		all = append(all, Survivor{
			Name: p.name, First: meanMemory(points, 0, window), Last: meanMemory(points, seconds-window, seconds), Peak: peakMemory(points),
		})
	}
	return all
}

// awaitBlocks waits until so many blocks are committed, and gives how many.
func awaitBlocks(ctx context.Context, landed <-chan int, wanted int) (int, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, awaitTimeout, fmt.Errorf("the load did not go on within %v", awaitTimeout))
	defer cancel()
	for {
		select {
		case n := <-landed:
			if n >= wanted {
				return n, nil
			}
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// replace leaves the newest value in a channel of capacity 1. Calls must not
// overlap.
func replace(c chan int, n int) {
	select {
	case <-c:
	default:
	}
	c <- n
}
