package executor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
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
	Logger  hclog.Logger

	Runner     RunnerOptions
	Checkpoint state.Policy
	// MinFreeBytes is the free space of the data directory's file system below
	// which the shard refuses to prepare; 0 means 128 MiB, negative means none.
	MinFreeBytes int64
}

const (
	inboxEvents = 1024
	// batchEvents is the most events that one force covers.
	batchEvents = 256
	// logReserve is given up when the disk is full, so that a restart has room.
	logReserve = 16 << 20
	// trimBytes is how much the log may hold before it is trimmed: trimming
	// rewrites a segment, so it should be rare.
	trimBytes = 32 << 20
)

// Shard is a shard's node with everything round it: data directory, session,
// executions, exchange and checkpoints. Open it, serve it, Run it, Close it.
type Shard struct {
	options  Options
	logger   hclog.Logger
	storage  *storage
	node     *Node
	runner   *Runner
	exchange *Exchange
	client   *rpc.SessionClient
	keeper   *state.Checkpointer
	readers  *readers
	opened   time.Time

	inbox  chan protocol.Event
	ended  chan struct{} // closed when nobody reads the inbox any more
	once   sync.Once
	failed chan error          // capacity 1: what ends the shard from beside its loop
	broken chan protocol.Event // capacity 1: damage that a read has found
}

// Open opens the data directory and brings back what it holds: the state, and
// the attempts in doubt. Nothing is served before that is done.
func Open(o Options) (*Shard, error) {
	if o.MinFreeBytes == 0 {
		o.MinFreeBytes = 128 << 20
	}
	st, err := openStorage(o.Directory, o.Shard, wal.Options{ReserveBytes: logReserve}, state.Options{})
	if err != nil {
		return nil, err
	}
	for _, r := range st.log.Repairs() {
		o.Logger.Warn("mended the log", "what", r.String())
	}
	s := &Shard{
		options: o, logger: o.Logger, storage: st, readers: newReaders(st.store), opened: time.Now(),
		inbox: make(chan protocol.Event, inboxEvents), ended: make(chan struct{}), failed: make(chan error, 1), broken: make(chan protocol.Event, 1),
	}
	s.readers.damaged = s.damaged
	if err := s.build(); err != nil {
		if s.exchange != nil {
			s.exchange.Close()
		}
		return nil, errors.Join(err, st.close())
	}
	return s, nil
}

func (s *Shard) build() error {
	recovered, positions, err := s.storage.recover()
	if err != nil {
		return err
	}
	if err := restoreCommitted(s.storage.store, recovered.Replayed); err != nil {
		return fmt.Errorf("bring back what was committed: %w", err)
	}
	identity := protocol.Identity{
		Shard: s.options.Shard, Directory: s.storage.store.Checkpoint().Directory,
		Instance: protocol.InstanceID(randomID()), Address: s.options.Address,
	}
	s.exchange = NewExchange(identity.Shard, identity.Instance, dialPeer, s.deliver, s.logger.Named("exchange"))
	s.runner = NewRunner(identity.Shard, s.options.Machine, staging{s.storage.store, s.damaged}, s.exchange, s.options.Runner,
		func(e protocol.Executed) { s.post(e) })
	s.runner.Configure(recovered.Config)
	s.runner.Commit(recovered.Committed.Height())
	for _, p := range recovered.Prepared {
		if err := s.runner.Restore(p); err != nil {
			return fmt.Errorf("bring back attempt %s: %w", p.Attempt, err)
		}
		s.logger.Warn("in doubt: this attempt was prepared before the restart and waits for its decision", "attempt", p.Attempt)
	}
	if err := s.connect(); err != nil {
		return err
	}
	s.node = NewNode(identity, recovered, positions, Parts{
		Log: s.storage.log, Committer: s.readers, Execution: s.runner, Sessions: s.client, Neighbours: s.exchange,
		Logger: s.logger, Now: time.Now,
	})
	s.keeper = state.NewCheckpointer(s.storage.store, s.options.Checkpoint, s.hooks())
	s.logger.Info("recovered", "height", recovered.Committed.Height(), "checkpointed", recovered.Checkpointed,
		"in_doubt", len(recovered.Prepared), "epoch", recovered.Epoch)
	return nil
}

func (s *Shard) connect() (err error) {
	s.client, err = rpc.NewSessionClient(rpc.SessionClientOptions{
		SessionOptions: rpc.SessionOptions{Logger: s.logger.Named("session"), Bounds: s.bounds},
		Handler:        sessionEvents{s}, Coordinators: s.options.Coordinators,
	})
	return err
}

// bounds tells the wire what this shard knows of the cluster.
func (s *Shard) bounds() wire.Bounds {
	if s.node == nil {
		return wire.Bounds{}
	}
	return wire.Bounds{Shards: s.node.Status().Config.Shards()}
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
	return s.runner.Deliver(from, a, values)
}

// Run works until ctx ends, or until the log or the database fails; then the
// error wraps ErrStopped.
func (s *Shard) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var group sync.WaitGroup
	dialling, hangUp := context.WithCancel(ctx)
	defer hangUp()
	group.Go(func() { s.client.Run(dialling) })
	group.Go(func() { s.keeper.Run(ctx) })
	group.Go(func() { s.watchSpace(ctx) })
	err := s.loop(ctx, hangUp)
	s.once.Do(func() { close(s.ended) })
	cancel()
	s.runner.Close()
	s.exchange.Close()
	group.Wait()
	return err
}

// loop owns the node. A quarantined shard has nothing more to say to its
// coordinator, so it dials no more.
func (s *Shard) loop(ctx context.Context, hangUp func()) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-s.failed:
			return s.node.stop(err)
		case ev := <-s.broken:
			if err := s.node.Handle(ev); err != nil {
				return err
			}
			time.AfterFunc(time.Second, hangUp)
		case ev := <-s.inbox:
			if err := s.node.Handle(s.drain(ev)...); err != nil {
				return err
			}
			if s.node.Status().Quarantine != nil {
				time.AfterFunc(time.Second, hangUp) // what was said last goes out
			}
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

func (s *Shard) hooks() state.Hooks {
	return state.Hooks{
		Prepare: func(_ context.Context, upTo protocol.Height) (state.LogPosition, protocol.Config, protocol.Epoch, error) {
			position, config, epoch, err := s.node.Position(upTo)
			position.ID = s.storage.log.ID()
			return position, config, epoch, err
		},
		Done: s.checkpointed,
		PutOff: func(err error) {
			s.logger.Warn("a checkpoint is put off until there is more disk space: free some", "error", err)
		},
		Failed: s.fail,
	}
}

// checkpointed follows a checkpoint: the log is trimmed behind it (rule S7).
func (s *Shard) checkpointed(cp state.Checkpoint) {
	s.node.Checkpointed(cp.Height())
	if s.storage.log.SizeBytes() > trimBytes && cp.Log.Keep > s.storage.log.First() {
		if err := s.storage.log.TrimFront(cp.Log.Keep); err != nil && !errors.Is(err, wal.ErrNoSpace) {
			s.fail(fmt.Errorf("trim the log: %w", err))
			return
		}
	}
	s.post(protocol.Checkpointed{Height: cp.Height()})
}

// damaged quarantines the shard: it read something else than was written. It
// does not wait, for whoever reads may be the loop's own doing.
func (s *Shard) damaged(err error) {
	select {
	case s.broken <- protocol.Damaged{Reason: err.Error()}:
	default: // told already
	}
}

// fail ends the loop for a reason that came up beside it.
func (s *Shard) fail(err error) {
	select {
	case s.failed <- err:
	default:
	}
}

// Close forces the log and closes the data directory. Run must have returned,
// or never been called.
func (s *Shard) Close() error {
	s.once.Do(func() { close(s.ended) })
	s.runner.Close()
	s.exchange.Close()
	var err error
	if s.storage.log.Err() == nil {
		err = s.storage.log.Sync()
	}
	return errors.Join(err, s.storage.close())
}

// Status gives what the node knew after its last event.
func (s *Shard) Status() *Status { return s.node.Status() }
