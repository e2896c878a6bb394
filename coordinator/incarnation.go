package coordinator

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/coordinator/timeline"
	"github.com/lockstep-exec/lockstep/protocol"
)

// incarnation is a Core with everything round it that lives as long: clients,
// and the loops that drive it.
type incarnation struct {
	coordinator *Coordinator
	core        *Core
	lost        <-chan struct{} // closed when this member leads no more
	config      protocol.Config
	waiters     *waiters
	batcher     *batcher
	currency    currency
	timelines   *timeline.Recorder
	reports     *shardReports
	inbox       chan protocol.Event
	own         []protocol.Event // from the core, past the inbox: the loop must not wait for itself
	ended       chan struct{}    // closed when nobody reads the inbox any more
	once        sync.Once
	paused      atomic.Int32 // so many want nothing new to be taken up
	deposed     atomic.Bool  // another incarnation may know what becomes of a block
}

// newIncarnation claims an epoch.
func (c *Coordinator) newIncarnation(lead *replica.Lead) (*incarnation, error) {
	state := lead.State
	if state.Config.IsZero() {
		if c.options.Shards < 1 {
			return nil, errors.New("a new cluster needs to know its number of shards: give --shards")
		}
		state.Config = c.newConfig()
	}
	if err := c.checkShards(state.Config); err != nil {
		return nil, err
	}
	in := &incarnation{coordinator: c, lost: lead.Lost, config: state.Config, waiters: newWaiters(), currency: currency{ask: lead.Log.Current}, inbox: make(chan protocol.Event, inboxEvents), ended: make(chan struct{})}
	var err error
	in.core, err = OpenCore(CoreParts{
		Log: lead.Log, State: state, History: c.replica.History(), Sessions: c.sessions, Clients: in.waiters,
		Protocol: c.options.Protocol, Post: func(ev protocol.Event) { in.own = append(in.own, ev) }, Logger: c.logger,
		Observe: in.observe, Tracer: c.options.Tracer,
	})
	if err != nil {
		return nil, err
	}
	in.reports = newShardReports(in)
	in.batcher = newBatcher(in, c.options.Batch)
	return in, nil
}

// observe begins to note what happens to blocks, for the dashboard and for metrics.
func (in *incarnation) observe(undecided []*protocol.Block) Observer {
	in.timelines = timeline.New(in.config.Shards(), undecided, time.Now)
	if begin := in.coordinator.options.Observe; begin != nil {
		return observers{in.timelines, begin()}
	}
	return in.timelines
}

// post hands an event to the loop; false if the loop has ended.
func (in *incarnation) post(ev protocol.Event) bool {
	select {
	case in.inbox <- ev:
		return true
	case <-in.ended:
		return false
	}
}

// end abandons the clients.
func (in *incarnation) end(reason string) {
	in.once.Do(func() { close(in.ended) })
	in.waiters.Abandon(reason)
}

// run decides until ctx ends and what is under way then is decided, the log belongs to somebody else, or it fails;
// then the error wraps ErrStopped. One that was quarantined or has stepped down
// goes on to say why, as long as it leads.
func (in *incarnation) run(ctx context.Context) error {
	tasks, cancel := context.WithCancel(context.WithoutCancel(ctx)) // they go on until all is settled
	defer cancel()
	var group sync.WaitGroup
	group.Go(func() { in.batcher.run(tasks) })
	group.Go(func() { in.reports.run(tasks) })
	err := in.loop(ctx)
	in.core.node.spans.stop("this incarnation of the coordinator has ended")
	if err == nil && (ctx.Err() == nil || in.coordinator.handOver()) {
		in.deposed.Store(true)
	}
	in.end("the coordinator was stopped before the block was decided")
	cancel()
	group.Wait()
	return err
}

// loop owns the core's Handle.
func (in *incarnation) loop(ctx context.Context) error {
	tick := time.NewTicker(protocol.TickInterval)
	defer tick.Stop()
	confirm := time.NewTicker(confirmInterval)
	defer confirm.Stop()
	forget := time.NewTicker(forgetInterval)
	defer forget.Stop()
	c, stop := in.coordinator, ctx.Done()
	defer c.options.Pulse.End()
	var settled <-chan struct{} // closed when it may stop
	events := []protocol.Event{protocol.Tick{Now: time.Now()}}
	for {
		c.options.Pulse.Begin()
		if err := in.core.Handle(events...); err != nil {
			return err
		}
		if s := in.core.Status(); s.Fenced {
			return nil
		} else if s.Ended != "" {
			c.sessions.CloseAll(s.Ended)
		}
		events = nil
		c.options.Pulse.End()
		select {
		case <-stop:
			stop, settled = nil, in.settling()
		case <-settled:
			return nil
		case <-in.lost:
			return nil
		case <-c.replica.Failed():
			return c.failure()
		case now := <-tick.C:
			events = append(events, protocol.Tick{Now: now})
		case <-confirm.C:
			c.options.Pulse.Begin()
			c.lookAtSpace()
			if err := in.core.Confirm(); err != nil {
				return err
			}
		case <-forget.C:
			in.core.Forget()
			events, in.own = in.own, nil
		case ev := <-in.inbox:
			events = in.drain(ev)
		}
	}
}

// settling takes up nothing new, and closes the channel when what is under way is
// decided, or has taken too long.
func (in *incarnation) settling() <-chan struct{} {
	settled := make(chan struct{})
	go func() {
		defer close(settled)
		in.pause(context.Background()) // for good
	}()
	return settled
}

// drain takes the events that wait, so that one force serves them all.
func (in *incarnation) drain(first protocol.Event) []protocol.Event {
	events := []protocol.Event{first}
	for len(events) < batchEvents {
		select {
		case ev := <-in.inbox:
			events = append(events, ev)
		default:
			return events
		}
	}
	return events
}
