package coordinator

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/wal"
	"golang.org/x/sync/semaphore"
)

// LogDirectory is the name of the log's folder in the data directory.
const LogDirectory = "log"

// ErrMismatch is wrapped when history, log and command line do not belong
// together. Nothing was changed.
var ErrMismatch = errors.New("data directory refused")

func mismatch(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMismatch}, args...)...)
}

// Options configures a coordinator.
type Options struct {
	Directory string // data directory; made if it does not exist
	// Shards is the number of shards of the cluster, fixed when the directory
	// is made; 0 takes what the directory says.
	Shards int
	Limits protocol.Limits // of a new cluster
	Logger hclog.Logger

	Protocol protocol.CoordinatorOptions
	// DefaultTimeout bounds the wait of a client that names no bound, and
	// MostTimeout that of one that does; 0 means 60 s and 1 h.
	DefaultTimeout, MostTimeout time.Duration
	// RetainHeights is how many decided heights keep their block bodies in the
	// log after every shard has made them durable; 0 means 64.
	RetainHeights int
	Batch         BatchOptions
	// MinFreeBytes is the free space of the data directory's file system below
	// which no more blocks are taken up; 0 means 128 MiB, negative means none.
	MinFreeBytes int64
}

func (o Options) withDefaults() Options {
	if o.DefaultTimeout == 0 {
		o.DefaultTimeout = time.Minute
	}
	if o.MostTimeout == 0 {
		o.MostTimeout = time.Hour
	}
	if o.RetainHeights == 0 {
		o.RetainHeights = 64
	}
	if o.MinFreeBytes == 0 {
		o.MinFreeBytes = 128 << 20
	}
	if o.Limits == (protocol.Limits{}) {
		o.Limits = protocol.DefaultLimits()
	}
	o.Batch = o.Batch.withDefaults()
	return o
}

const (
	inboxEvents = 4096
	// batchEvents is the most events that one force covers.
	batchEvents = 256
	// confirmInterval is how often an idle coordinator makes sure that it
	// still owns its log (C1).
	confirmInterval = time.Second
	// logReserve is given up when the disk is full, so that a restart has room.
	logReserve = 16 << 20
)

// Coordinator is a coordinator's node with everything round it: data
// directory, sessions, clients and history. Open it, serve it, Run it, Close it.
type Coordinator struct {
	options  Options
	logger   hclog.Logger
	config   protocol.Config
	log      *localLog
	history  *history.History
	archive  *archive
	keeper   *keeper
	node     *Node
	waiters  *waiters
	sessions *rpc.SessionServer
	readers  *shardReaders
	batcher  *batcher

	inbox      chan protocol.Event
	ended      chan struct{} // closed when nobody reads the inbox any more
	once       sync.Once
	obstructed atomic.Pointer[string] // why no block is taken up; "" if they are

	calls     *semaphore.Weighted // bytes of the calls that wait for a block
	callBytes int64
}

// Open opens the data directory, or makes a new cluster in an empty one, and
// begins an incarnation with a new epoch. Undecided blocks found in the log
// will be run again (C6).
func Open(o Options) (*Coordinator, error) {
	o = o.withDefaults()
	callBytes := o.Protocol.QueueBytes
	if callBytes == 0 {
		callBytes = protocol.DefaultQueueBytes
	}
	c := &Coordinator{
		calls: semaphore.NewWeighted(callBytes), callBytes: callBytes,
		options: o, logger: o.Logger, waiters: newWaiters(), readers: newShardReaders(),
		inbox: make(chan protocol.Event, inboxEvents), ended: make(chan struct{}),
	}
	if err := c.open(); err != nil {
		return nil, errors.Join(err, c.closeFiles())
	}
	return c, nil
}

func (c *Coordinator) open() error {
	if err := c.openFiles(); err != nil {
		return err
	}
	state, positions, err := c.recover()
	if err != nil {
		return err
	}
	c.config = state.Config
	blocks, err := c.pendingBlocks(state.Pending)
	if err != nil {
		return err
	}
	machine, first, err := protocol.NewCoordinator(state, state.Epoch+1, blocks, c.options.Protocol)
	if err != nil {
		return err
	}
	if state.Epoch == 0 {
		first.Persist = append([]protocol.Record{protocol.Created{Config: state.Config}}, first.Persist...)
	}
	c.sessions = rpc.NewSessionServer(rpc.SessionServerOptions{
		SessionOptions: rpc.SessionOptions{Logger: c.logger.Named("session"), Bounds: c.bounds}, Handler: sessionEvents{c},
	})
	c.archive = newArchive(c.history, state.Decisions)
	c.node, err = NewNode(machine, first, Parts{
		Log: c.log, Sessions: c.sessions, Clients: c.waiters, Decisions: c.archive, Positions: positions, Logger: c.logger,
	})
	if err != nil {
		return err
	}
	c.keeper = &keeper{
		archive: c.archive, positions: positions, log: c.log, config: c.config, logID: c.log.ID(),
		retain: protocol.Height(c.options.RetainHeights),
		lowest: func() protocol.Height { return c.node.Status().LowestNeeded },
		told:   func(h protocol.Height) { c.post(protocol.HistoryKept{Height: h}) },
	}
	c.batcher = newBatcher(c, c.options.Batch)
	height, _ := c.archive.height()
	c.logger.Info("recovered", "cluster", c.config.Cluster, "shards", c.config.Shards(), "height", height,
		"epoch", state.Epoch+1, "undecided", len(blocks))
	return nil
}

// openFiles opens log and history, and checks that they belong together.
func (c *Coordinator) openFiles() error {
	dir := c.options.Directory
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	hasLog, err := exists(filepath.Join(dir, LogDirectory))
	if err != nil {
		return err
	}
	hasHistory, err := exists(filepath.Join(dir, history.FileName))
	if err != nil {
		return err
	}
	if hasHistory && !hasLog {
		return mismatch("%s holds a history but no log: the log held decisions that the history lacks; bring the folder %q back", dir, LogDirectory)
	}
	log, err := wal.Open(filepath.Join(dir, LogDirectory), wal.Options{ReserveBytes: logReserve})
	if errors.Is(err, wal.ErrLocked) {
		return fmt.Errorf("another process uses the data directory %s: stop it, or give another --data: %w", dir, err)
	}
	if errors.Is(err, wal.ErrLocked) {
		return fmt.Errorf("%s is in use: another coordinator runs on it; stop that one, or give another --data: %w", dir, err)
	}
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	for _, r := range log.Repairs() {
		c.logger.Warn("mended the log", "what", r.String())
	}
	if c.log, err = newLocalLog(filepath.Join(dir, LogDirectory), log); err != nil {
		return errors.Join(err, log.Close())
	}
	if !hasHistory {
		if err := c.create(); err != nil {
			return err
		}
	}
	if c.history, err = history.Open(dir, history.Options{}); err != nil {
		return fmt.Errorf("open the history: %w", err)
	}
	return c.belongTogether()
}

func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// create makes a new cluster in an empty directory.
func (c *Coordinator) create() error {
	dir := c.options.Directory
	if c.log.First() <= c.log.Last() || c.log.First() > 1 {
		return mismatch("%s holds a log with records but no history: bring the file %s back", dir, history.FileName)
	}
	if c.options.Shards < 1 || c.options.Shards > protocol.MaxShards {
		return fmt.Errorf("a new cluster needs between 1 and %d shards, not %d: give --shards", protocol.MaxShards, c.options.Shards)
	}
	if err := c.options.Limits.Validate(); err != nil {
		return err
	}
	config := protocol.Config{Slots: protocol.EvenSlots(c.options.Shards), Limits: c.options.Limits}
	rand.Read(config.Cluster[:]) // never fails: it ends the process if the system has no randomness
	meta := history.Meta{Config: config, Log: history.LogPosition{ID: c.log.ID(), Keep: 1}}
	if err := history.Create(dir, meta, history.Options{}); err != nil {
		return fmt.Errorf("make the history: %w", err)
	}
	c.logger.Info("made a new cluster", "cluster", config.Cluster, "shards", config.Shards())
	return nil
}

func (c *Coordinator) belongTogether() error {
	ends := logEnds{id: c.log.ID(), first: c.log.First(), last: c.log.Last()}
	return belongTogether(c.options.Directory, c.options.Shards, c.history.Meta(), ends)
}

// recover reads the log on top of the history.
func (c *Coordinator) recover() (protocol.CoordinatorState, *Positions, error) {
	r, err := newReplay(c.history)
	if err != nil {
		return protocol.CoordinatorState{}, nil, err
	}
	err = c.log.Replay(c.history.Meta().Log.Keep, r.add)
	var state protocol.CoordinatorState
	if err == nil {
		state, err = r.recovery.Finish()
	}
	if err != nil {
		return state, nil, fmt.Errorf("read the log: %w", err)
	}
	return state, r.positions, nil
}

func (c *Coordinator) pendingBlocks(proposals []*protocol.Proposed) ([]*protocol.Block, error) {
	var blocks []*protocol.Block
	for _, p := range proposals {
		transactions, err := protocol.DecodeBody(p.Body, c.config.Limits)
		if err != nil {
			return nil, fmt.Errorf("block %q in the log: %w", p.Key, err)
		}
		blocks = append(blocks, NewBlock(p.Key, p.Body, transactions, c.config.Slots))
	}
	return blocks, nil
}

// bounds tells the wire what this coordinator knows of the cluster.
func (c *Coordinator) bounds() wire.Bounds {
	return wire.Bounds{Shards: c.config.Shards(), Transactions: c.config.Limits.BlockTransactions}
}

// sessionEvents turns what happens on sessions into events.
type sessionEvents struct{ *Coordinator }

func (c sessionEvents) Opened(protocol.Session)              {}
func (c sessionEvents) Received(env protocol.Envelope)       { c.post(protocol.Received{Envelope: env}) }
func (c sessionEvents) Closed(s protocol.Session, why error) { c.post(protocol.Closed{Session: s}) }

// post hands an event to the loop; false if the loop has ended.
func (c *Coordinator) post(ev protocol.Event) bool {
	select {
	case c.inbox <- ev:
		return true
	case <-c.ended:
		return false
	}
}

// Run works until ctx ends, or until the log or the history fails; then the
// error wraps ErrStopped. Clients that wait are told that the outcome is
// unknown.
func (c *Coordinator) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 1)
	var group sync.WaitGroup
	group.Go(func() { failed <- c.keeper.run(ctx) })
	group.Go(func() { c.batcher.run(ctx) })
	err := c.loop(ctx, failed)
	c.end("the coordinator was stopped before the block was decided")
	cancel()
	group.Wait()
	return err
}

func (c *Coordinator) end(reason string) {
	c.once.Do(func() { close(c.ended) })
	c.waiters.Abandon(reason)
	c.sessions.CloseAll(reason)
}

// loop owns the node.
func (c *Coordinator) loop(ctx context.Context, failed <-chan error) error {
	tick := time.NewTicker(protocol.TickInterval)
	defer tick.Stop()
	confirm := time.NewTicker(confirmInterval)
	defer confirm.Stop()
	c.lookAtSpace()
	if err := c.node.Handle(protocol.Tick{Now: time.Now()}); err != nil {
		return err
	}
	for {
		var events []protocol.Event
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			if err != nil {
				return fmt.Errorf("%w: %w: restart it once the cause is mended", ErrStopped, err)
			}
			failed = nil
			continue
		case now := <-tick.C:
			events = append(events, protocol.Tick{Now: now})
		case <-confirm.C:
			c.lookAtSpace()
			if err := c.log.Confirm(); err != nil {
				events = append(events, protocol.Fenced{Reason: err.Error()})
			}
		case ev := <-c.inbox:
			events = c.drain(ev)
		}
		if err := c.node.Handle(events...); err != nil {
			return err
		}
		if why := c.node.Status().Ended; why != "" {
			c.sessions.CloseAll(why)
		}
	}
}

// drain takes the events that wait, so that one force serves them all.
func (c *Coordinator) drain(first protocol.Event) []protocol.Event {
	events := []protocol.Event{first}
	for len(events) < batchEvents {
		select {
		case ev := <-c.inbox:
			events = append(events, ev)
		default:
			return events
		}
	}
	return events
}

// Close closes the data directory. Run must have returned, or never been called.
func (c *Coordinator) Close() error {
	c.end("the coordinator was stopped")
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err := c.sessions.Shutdown(ctx, "the coordinator was stopped")
	c.readers.close()
	return errors.Join(err, c.closeFiles())
}

func (c *Coordinator) closeFiles() error {
	var errs []error
	if c.history != nil {
		errs = append(errs, c.history.Close())
	}
	if c.log != nil {
		if c.log.Err() == nil {
			errs = append(errs, c.log.Sync())
		}
		errs = append(errs, c.log.Close())
	}
	return errors.Join(errs...)
}

// Status gives what the node knew after its last event.
func (c *Coordinator) Status() *Status { return c.node.Status() }

// Ready says why the coordinator cannot decide for now; nil if it can.
func (c *Coordinator) Ready() error {
	s := c.node.Status()
	if s.Ended != "" {
		return errors.New(s.Ended)
	}
	var away []int
	for i, p := range s.Shards {
		if !p.Connected {
			away = append(away, i)
		}
	}
	if len(away) > 0 {
		return fmt.Errorf("shards %v are not connected: nothing is decided until they are", away)
	}
	return nil
}
