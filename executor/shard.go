package executor

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.opentelemetry.io/otel/trace"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/durations"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/state"
	"github.com/lockstep-exec/lockstep/wal"
)

// Options configures a shard.
type Options struct {
	Shard        protocol.ShardID
	Directory    string   // data directory; made if it does not exist
	Coordinators []string // HOST:PORT, dialled in turn
	// Address is where peers, readers and the coordinator reach this shard.
	Address string
	Machine Machine
	Logger  hclog.Logger // nil logs nothing
	// Identity proves who this shard is, and who the others are; nil for plaintext.
	Identity *identity.Identity
	// Insecure says, for status alone, that others than this machine can reach this
	// shard in plaintext.
	Insecure bool

	Runner     RunnerOptions
	Checkpoint state.Policy
	// MinFreeBytes is the free space of the data directory's file system below
	// which the shard refuses to prepare, also if only the block itself would take
	// it there; 0 means 128 MiB, negative means none.
	MinFreeBytes int64
	// LogForced is told how long each force of the log took; nil if nobody
	// wants to know. It must not block.
	LogForced func(time.Duration)
	// Watch is told what the shard does.
	Watch Watch
	// Pulse is told when the loop takes events up, and when it has carried them
	// out; nil if nobody wants to know.
	Pulse Pulse
	// Tracer gets the spans of attempts, see package tracing; nil traces nothing.
	Tracer trace.Tracer
}

// Watch is told what a shard does, for metrics. Each may be nil, and must not
// block; they are called from different goroutines.
type Watch struct {
	Node        Observer
	Waited      func(time.Duration)                    // see RunnerParts
	Checkpoints func(took time.Duration, putOff error) // see CoreParts
}

// Pulse is told by a loop that it goes on. Neither method blocks.
type Pulse interface {
	Begin()
	End()
}

// noPulse is for nobody.
type noPulse struct{}

func (noPulse) Begin() {}
func (noPulse) End()   {}

const (
	inboxEvents = 1024
	// tickInterval is how often executions look at what they wait for.
	tickInterval = 100 * time.Millisecond
	// batchEvents is the most events that one force covers.
	batchEvents = 256
	// logReserve is given up when the disk is full, so that a restart has room.
	logReserve = 16 << 20
)

// Shard is a Core with everything round it: data directory, session, exchange,
// and the goroutines. Open it, serve it, Run it, Close it.
type Shard struct {
	options  Options
	logger   hclog.Logger
	storage  *storage
	core     *Core
	schedule Goroutines
	exchange *Exchange
	client   *rpc.SessionClient
	opened   time.Time
	forces   durations.Counter // of the log
	waits    durations.Counter // of executions, for values of other shards

	inbox  chan protocol.Event
	ended  chan struct{} // closed when nobody reads the inbox any more
	once   sync.Once
	failed chan error // capacity 1: what ends the shard from beside its loop
}

// Open opens the data directory and brings back what it holds: the state, and
// the attempts in doubt. Nothing is served before that is done.
func Open(o Options) (*Shard, error) {
	if o.Machine == nil {
		return nil, errors.New("a shard needs a machine: set Options.Machine")
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if err := o.Identity.Must(identity.Shard, identity.ShardName(o.Shard)); err != nil {
		return nil, err
	}
	if o.MinFreeBytes == 0 {
		o.MinFreeBytes = 128 << 20
	}
	if o.Pulse == nil {
		o.Pulse = noPulse{}
	}
	s := &Shard{
		options: o, logger: o.Logger, opened: time.Now(),
		inbox: make(chan protocol.Event, inboxEvents), ended: make(chan struct{}), failed: make(chan error, 1),
	}
	st, err := openStorage(o.Directory, o.Shard, wal.Options{ReserveBytes: logReserve, Forced: s.logForced}, state.Options{})
	if err != nil {
		return nil, err
	}
	s.storage = st
	for _, r := range st.log.Repairs() {
		o.Logger.Warn("mended the log", "change", r.String())
	}
	if err := s.build(); err != nil {
		if s.exchange != nil {
			s.exchange.Close()
		}
		return nil, errors.Join(err, st.close())
	}
	return s, nil
}

func (s *Shard) build() (err error) {
	o, instance := s.options, protocol.InstanceID(randomID())
	if err := s.connect(); err != nil {
		return err
	}
	s.exchange = NewExchange(o.Shard, instance, s.dialPeer, s.deliver, s.logger.Named("exchange"))
	s.core, err = OpenCore(CoreParts{
		Shard: o.Shard, Instance: instance, Address: o.Address,
		Directory: o.Directory, Log: s.storage.log, Store: s.storage.store,
		Machine: o.Machine, Pusher: s.exchange, Sessions: s.client, Neighbours: s.exchange,
		Schedule: &s.schedule, Runner: o.Runner, Checkpoint: o.Checkpoint,
		Post: s.post, Failed: s.fail, Now: time.Now, Logger: s.logger, Tracer: o.Tracer,
		Observer: o.Watch.Node, Waited: s.waited, Checkpoints: o.Watch.Checkpoints,
	})
	return err
}

func (s *Shard) connect() (err error) {
	s.client, err = rpc.NewSessionClient(rpc.SessionClientOptions{
		SessionOptions: rpc.SessionOptions{Logger: s.logger.Named("session"), Bounds: s.bounds},
		Handler:        sessionEvents{s}, Coordinators: s.options.Coordinators, Identity: s.options.Identity,
	})
	return err
}

// bounds tells the wire what this shard knows of the cluster.
func (s *Shard) bounds() wire.Bounds {
	if s.core == nil {
		return wire.Bounds{}
	}
	return wire.Bounds{Shards: s.core.Status().Config.Shards()}
}

// sessionEvents turns what happens on the session into events.
type sessionEvents struct{ *Shard }

func (s sessionEvents) Opened(id protocol.Session)     { s.post(protocol.Opened{Session: id}) }
func (s sessionEvents) Received(env protocol.Envelope) { s.post(protocol.Received{Envelope: env}) }
func (s sessionEvents) Closed(id protocol.Session, reason error) {
	s.post(protocol.Closed{Session: id})
}

// post hands an event to the loop, unless the loop has ended.
func (s *Shard) post(ev protocol.Event) {
	select {
	case s.inbox <- ev:
	case <-s.ended:
	}
}

func (s *Shard) deliver(from protocol.ShardID, a protocol.AttemptID, values []byte) error {
	return s.core.Deliver(from, a, values)
}

// Run works until ctx ends, or until the log or the database fails; then the
// error wraps ErrStopped.
func (s *Shard) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var group sync.WaitGroup
	dialling, hangUp := context.WithCancel(ctx)
	defer hangUp()
	group.Go(func() { s.client.Run(dialling) }) //nolint:errcheck // it ends with its context only
	group.Go(func() { s.core.keeper.Run(ctx) }) //nolint:errcheck // the hook Failed has the shard stop for it
	group.Go(func() { s.watchSpace(ctx) })
	group.Go(func() { s.tick(ctx) })
	err := s.loop(ctx, hangUp)
	s.once.Do(func() { close(s.ended) })
	cancel()
	s.core.Close()
	s.schedule.Wait()
	s.exchange.Close()
	group.Wait()
	if err == nil {
		err = s.failedMeanwhile()
	}
	return err
}

// failedMeanwhile stops the node if something beside the loop failed that the
// loop did not live to see, and gives the reason.
func (s *Shard) failedMeanwhile() error {
	select {
	case err := <-s.failed:
		return s.core.Stop(err)
	default:
		return nil
	}
}

// loop owns the node. A quarantined shard has nothing more to say to its
// coordinator, so it dials no more.
func (s *Shard) loop(ctx context.Context, hangUp func()) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-s.failed:
			return s.core.Stop(err)
		case ev := <-s.inbox:
			s.options.Pulse.Begin()
			err := s.core.Handle(s.withRoom(s.drain(ev))...)
			s.options.Pulse.End()
			if err != nil {
				return err
			}
			if s.core.Status().Quarantine != nil {
				time.AfterFunc(time.Second, hangUp) // what was said last goes out
			}
		}
	}
}

// tick has executions look at what they wait for.
func (s *Shard) tick(ctx context.Context) {
	tick := time.NewTicker(tickInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.core.Tick()
		}
	}
}

// drain takes the events that wait, so that one force serves them all.
func (s *Shard) drain(first protocol.Event) []protocol.Event {
	events := []protocol.Event{first}
	for len(events) < batchEvents {
		select {
		case ev := <-s.inbox:
			events = append(events, ev)
		default:
			return events
		}
	}
	return events
}

// fail ends the loop for a reason that came up beside it.
func (s *Shard) fail(err error) {
	select {
	case s.failed <- err:
	default:
	}
}

// Close forces the log and closes the data directory. Run must have returned,
// or never been called. A failure of the log that Run has given is not given
// again.
func (s *Shard) Close() error {
	s.once.Do(func() { close(s.ended) })
	s.core.Close()
	s.schedule.Wait()
	s.exchange.Close()
	known := s.core.Status().Stopped != "" && s.storage.log.Err() != nil
	return s.storage.closeKnowing(known)
}

// Status gives what the node knew after its last event.
func (s *Shard) Status() *Status { return s.core.Status() }
