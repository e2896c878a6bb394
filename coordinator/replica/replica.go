package replica

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/coordinator/replica/raftsnap"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/outage"
)

// Replica is one member of a group of coordinators: its copy of the log and of
// the history. It is safe for concurrent use.
type Replica struct {
	options   Options
	logger    hclog.Logger
	directory protocol.DirectoryID // of this member
	stores    Stores
	transport Transport
	raft      *raft.Raft // set under mu, for meet, and never again
	machine   *Machine
	history   *History
	noted     map[string]protocol.DirectoryID // members enrolled in the log, as of the start

	removed atomic.Bool // others say so

	snapshots *outage.Log // about those that could not be made

	// keeping is held by whoever writes or replaces the history.
	keeping sync.Mutex

	mu          sync.Mutex
	leads       *leadership   // nil while this replica does not lead
	leadChanged chan struct{} // closed and replaced whenever leads changes
	log         *Log          // of the newest incarnation here; nil before the first
	met         map[string]protocol.DirectoryID
	failure     error

	disk    disk
	dying   raft.Future   // set before hung is closed
	hung    chan struct{} // closed when this replica has given up, and raft or the disk may never answer
	failed  chan struct{} // closed when failure is set
	closing chan struct{}
	closed  chan struct{} // closed when nothing waits for the disk any more
	once    sync.Once
	group   sync.WaitGroup

	givingUp      sync.Once
	snapshotAfter time.Time // of the keeper alone: no snapshot is tried before
}

// Open opens the data directory, or makes a new one, and takes part in the
// group. A member that is alone leads at once.
func Open(o Options) (*Replica, error) {
	o = o.withDefaults()
	r := &Replica{
		options: o, logger: o.Logger, snapshots: outage.New(o.Logger, time.Now), history: &History{},
		leadChanged: make(chan struct{}), met: map[string]protocol.DirectoryID{},
		failed: make(chan struct{}), closing: make(chan struct{}), hung: make(chan struct{}), closed: make(chan struct{}),
	}
	if err := o.validate(); err != nil {
		return nil, err
	}
	if err := r.open(); err != nil {
		return nil, errors.Join(err, r.closeFiles())
	}
	return r, nil
}

func (r *Replica) open() error {
	err := r.openDirectory()
	if err != nil {
		return err
	}
	if r.stores, err = r.options.Stores(r.options, r.history); err != nil {
		return err
	}
	if err := r.recover(); err != nil {
		return err
	}
	if err := r.connect(); err != nil {
		return err
	}
	return r.start()
}

// connect makes the transport.
func (r *Replica) connect() (err error) {
	r.transport, err = r.options.Connect(Peering{
		Address: r.options.Address, Self: r.identity, Expect: r.expect, Met: r.meet, Fresh: r.fresh, Dial: r.options.Dial, Proof: r.options.Proof,
		Timing: r.options.Timing, Logger: r.logger.Named("replication"),
	})
	return err
}

// recover rebuilds the state as of the newest snapshot, and opens the history
// that goes with it.
func (r *Replica) recover() error {
	s, applied, index, err := r.newestSnapshot()
	if err != nil {
		return err
	}
	r.machine = NewMachine(s, applied)
	last, err := r.stores.Log.LastIndex()
	if err == nil {
		err = r.readEnrolled(index, last)
	}
	if err != nil {
		return fmt.Errorf("look at the replicated log: %w", err)
	}
	if h := r.history.now(); h != nil {
		return checkHistory(r.options.Directory, h.Meta(), max(last, index))
	}
	return nil
}

// newestSnapshot reads the newest snapshot, and takes over the history that came
// with it if a crash prevented that.
func (r *Replica) newestSnapshot() (s State, applied, index uint64, err error) {
	if err := r.openHistory(); err != nil {
		return s, 0, 0, err
	}
	newest, err := r.stores.Newest()
	if err != nil || newest == nil {
		return s, 0, 0, err
	}
	if s, applied, err = decodeHead(newest.Head); err != nil {
		return s, 0, 0, err
	}
	return s, applied, newest.Meta.Index, r.finishRestore(newest.Meta.ID, s, applied)
}

// finishRestore does what a crash may have prevented.
func (r *Replica) finishRestore(id string, s State, applied uint64) error {
	if r.history.Height() >= s.Kept() {
		return nil
	}
	_, content, err := r.stores.Snapshots.Open(id)
	if err != nil {
		return fmt.Errorf("open the snapshot: %w", err)
	}
	defer content.Close()
	if _, err := raftsnap.ReadHead(content); err != nil {
		return fmt.Errorf("read the snapshot: %w", err)
	}
	return r.adoptHistory(s, applied, content)
}

// mostAppended bounds the entries that go to a member, or to the disk, in one
// piece. Those for a member that is slow come from the disk, and take memory until
// it has answered.
const mostAppended = 8

// config is how raft runs here. Snapshots are made by this package, and never
// restored from at a start: the state is, and the history is there.
func (r *Replica) config(notify chan<- bool) *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = raft.ServerID(r.options.Name)
	c.HeartbeatTimeout, c.ElectionTimeout = r.options.Timing.Heartbeat, r.options.Timing.Election
	c.LeaderLeaseTimeout = r.options.Timing.Lease
	c.BatchApplyCh = true
	c.MaxAppendEntries = mostAppended
	c.NotifyCh = notify
	c.NoSnapshotRestoreOnStart = true
	c.NoLegacyTelemetry = true
	c.ShutdownOnRemove = false
	c.SnapshotInterval, c.SnapshotThreshold = 24*time.Hour, math.MaxUint64
	c.Logger = newRaftLogger(r.logger.Named("raft"), time.Now)
	return c
}

func (r *Replica) start() error {
	notify := make(chan bool, 16)
	config := r.config(notify)
	stores := r.stores
	if err := r.beginLog(config); err != nil {
		return fmt.Errorf("begin the replicated log: %w", err)
	}
	node, err := r.newRaft(config)
	if err != nil {
		return fmt.Errorf("start replication: %w", err)
	}
	r.mu.Lock()
	r.raft = node
	r.mu.Unlock()
	go r.watchDisk() // until all is closed
	r.group.Go(func() { r.watch(notify) })
	r.group.Go(r.keep)
	r.group.Go(r.enroll)
	for _, failed := range stores.Failed {
		r.group.Go(func() { r.watchStore(failed) })
	}
	if self, ok := r.transport.(injector); ok && r.Alone() {
		return self.Inject(&raft.TimeoutNowRequest{RPCHeader: raft.RPCHeader{ProtocolVersion: config.ProtocolVersion}})
	}
	return nil
}

// newRaft begins raft, in a goroutine that ends without a word if the term cannot be
// stored.
func (r *Replica) newRaft(config *raft.Config) (node *raft.Raft, err error) {
	made := make(chan struct{})
	go func() {
		defer close(made)
		err = errors.New("it gave up")
		node, err = raft.NewRaft(config, fsm{r}, watchedLog{r.stores.Log, &r.disk}, watchedStable{r.stores.Stable, &r.disk, r.lost}, r.stores.Snapshots, r.transport)
	}()
	<-made
	if failed := r.Err(); failed != nil && err != nil {
		err = failed
	}
	return node, err
}

// addressOf is the address of a member as raft knows it, which must be one even
// if nobody ever dials it.
func addressOf(m Member) raft.ServerAddress {
	if m.Address == "" {
		return raft.ServerAddress(m.Name)
	}
	return raft.ServerAddress(m.Address)
}

// watchStore ends the replica when a store has failed.
func (r *Replica) watchStore(failed <-chan struct{}) {
	select {
	case <-failed:
		_ = r.fail(r.stores.Err()) // whoever waits finds it
	case <-r.closing:
	}
}

// fail notes why this replica cannot go on. It gives err back.
func (r *Replica) fail(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failure == nil {
		r.failure = err
		close(r.failed)
	}
	return err
}

// Failed is closed when a disk failed, so that the process has to end; Err says
// why.
func (r *Replica) Failed() <-chan struct{} { return r.failed }

// Err is nil while nothing has failed.
func (r *Replica) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failure
}

// History is the history of this replica.
func (r *Replica) History() *History { return r.history }

// State copies what the log has come to, as far as this replica has applied it.
func (r *Replica) State() State {
	s, _ := r.machine.State()
	return s
}

// Config is the configuration of the cluster, zero while it is not known.
func (r *Replica) Config() protocol.Config {
	if s := r.State(); !s.Config.IsZero() {
		return s.Config
	}
	if h := r.history.now(); h != nil {
		return h.Meta().Config
	}
	return protocol.Config{}
}

// Fsyncs counts how often the files were forced since they were opened.
func (r *Replica) Fsyncs() int64 {
	n := r.history.Fsyncs()
	if r.stores.Fsyncs != nil {
		n += r.stores.Fsyncs()
	}
	return n
}

// LogBytes is the size of the log on the disk; 0 if it is on none.
func (r *Replica) LogBytes() int64 {
	if r.stores.Bytes == nil {
		return 0
	}
	return r.stores.Bytes()
}

// Close ends the part in the group, and closes the files. Lead must have
// returned, unless the disk hangs: then Close gives up too, and the files are closed
// when the disk is done.
func (r *Replica) Close() error {
	r.once.Do(func() { close(r.closing) })
	done := make(chan error, 1)
	go func() { done <- r.shutDown() }()
	select {
	case err := <-done:
		return err
	case <-r.hung:
		return nil // Err says it
	}
}

// shutDown is Close, and waits for the disk.
func (r *Replica) shutDown() error {
	defer close(r.closed)
	r.mu.Lock()
	l := r.log
	r.mu.Unlock()
	if l != nil {
		l.close()
	}
	r.group.Wait()
	var errs []error
	if r.raft != nil {
		r.keepLast()
		errs = append(errs, r.shutRaft())
	}
	return errors.Join(append(errs, r.closeFiles())...)
}

func (r *Replica) shutRaft() error {
	select {
	case <-r.hung:
		return r.dying.Error()
	default:
		return r.raft.Shutdown().Error()
	}
}

func (r *Replica) closeFiles() error {
	var errs []error
	if r.transport != nil {
		errs = append(errs, r.transport.Close())
	}
	if h := r.history.set(nil); h != nil {
		errs = append(errs, h.Close())
	}
	if r.stores.Close != nil {
		known := r.stores.Err != nil && r.stores.Err() != nil
		if err := r.stores.Close(); !known { // else whoever failed has said so
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// openHistory opens the history if there is one.
func (r *Replica) openHistory() error {
	if err := os.RemoveAll(filepath.Join(r.options.Directory, receivedFile)); err != nil {
		return err
	}
	h, err := history.Open(r.options.Directory, history.Options{})
	if errors.Is(err, history.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open the history: %w", err)
	}
	r.history.set(h)
	return nil
}

// AwaitOther waits until another replica is known to lead the group, or ctx ends.
func (r *Replica) AwaitOther(ctx context.Context) (Member, error) {
	observed := make(chan raft.Observation, 1)
	observer := raft.NewObserver(observed, false, func(o *raft.Observation) bool {
		_, leader := o.Data.(raft.LeaderObservation)
		return leader
	})
	r.raft.RegisterObserver(observer)
	defer r.raft.DeregisterObserver(observer)
	for {
		if m, ok := r.Leader(); ok && m.Name != r.options.Name {
			return m, nil
		}
		select {
		case <-observed:
		case <-ctx.Done():
			return Member{}, ctx.Err()
		}
	}
}
