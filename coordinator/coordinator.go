package coordinator

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sync/semaphore"

	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/durations"
	"github.com/lockstep-exec/lockstep/protocol/outage"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/wire"
)

// Coordinator is one member of a group of coordinators, which may be the only
// one: a replica of their log and, while it leads, an incarnation that decides.
// Open it, serve it, Run it, Close it.
type Coordinator struct {
	options  Options
	logger   hclog.Logger
	replica  *replica.Replica
	sessions *rpc.SessionServer
	readers  *shardReaders

	first      *incarnation                // begun by Open; Run takes it over
	now        atomic.Pointer[incarnation] // nil while this member does not lead
	ended      chan struct{}               // closed when nothing is decided any more
	once       sync.Once
	obstructed atomic.Pointer[string] // why no block is taken up; "" if they are
	cramped    *outage.Log            // about that

	forces durations.Counter // of the log

	calls     *semaphore.Weighted // bytes of the calls that wait for a block
	callBytes int64
	preparing *semaphore.Weighted // bytes of the bodies that are taken apart
}

// Open opens the data directory, or makes a new one, and takes part in the group.
// A member that is alone begins an incarnation at once; any other does in Run,
// when it leads. Nothing is decided before Run.
func Open(o Options) (*Coordinator, error) {
	o = o.withDefaults()
	callBytes := o.Protocol.QueueBytes
	if callBytes == 0 {
		callBytes = protocol.DefaultQueueBytes
	}
	if err := o.Identity.Must(identity.Coordinator, o.Name); err != nil {
		return nil, err
	}
	c := &Coordinator{
		calls: semaphore.NewWeighted(callBytes), callBytes: callBytes, preparing: semaphore.NewWeighted(mostPreparing),
		options: o, logger: o.Logger, cramped: outage.New(o.Logger, time.Now), readers: newShardReaders(o.Identity, o.ReadShards), ended: make(chan struct{}),
	}
	c.sessions = rpc.NewSessionServer(rpc.SessionServerOptions{
		SessionOptions: rpc.SessionOptions{Logger: c.logger.Named("session"), Bounds: c.bounds}, Handler: sessionEvents{c},
	})
	c.sessions.CloseAll("this coordinator does not lead")
	if err := c.checkNew(); err != nil {
		return nil, err
	}
	var err error
	group := o.replica()
	group.Forced = c.logForced
	if c.replica, err = replica.Open(group); err != nil {
		return nil, err
	}
	err = c.checkShards(c.replica.Config())
	if err == nil && c.replica.Alone() {
		err = c.beginAlone()
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// beginAlone begins an incarnation, which takes no longer than a few forces of
// the disk.
func (c *Coordinator) beginAlone() error {
	for c.first == nil {
		lead, err := c.replica.Lead(context.Background())
		if err != nil {
			return err
		}
		if c.first, err = c.begin(lead); err != nil && !errors.Is(err, ErrFenced) {
			return err
		}
	}
	return nil
}

// checkNew refuses what a new cluster could not be made with, before a directory
// is made for it.
func (c *Coordinator) checkNew() error {
	if err := c.options.Limits.Validate(); err != nil {
		return err
	}
	empty, err := replica.IsNew(c.options.Directory)
	if err != nil || !empty || c.options.Join {
		return err
	}
	if c.options.Shards < 1 || c.options.Shards > protocol.MaxShards {
		return fmt.Errorf("a new cluster needs between 1 and %d shards, not %d: give --shards", protocol.MaxShards, c.options.Shards)
	}
	return nil
}

// checkShards refuses a command line that does not fit the cluster.
func (c *Coordinator) checkShards(config protocol.Config) error {
	if config.IsZero() || c.options.Shards == 0 || c.options.Shards == config.Shards() {
		return nil
	}
	return fmt.Errorf("%w: %s belongs to a cluster of %d shards, and the number cannot be changed: give --shards %d, or another --data",
		ErrMismatch, c.options.Directory, config.Shards(), config.Shards())
}

// ErrMismatch is wrapped when the parts of a data directory and the command line
// do not belong together. Nothing was changed.
var ErrMismatch = replica.ErrMismatch

// newConfig makes the configuration of a new cluster.
func (c *Coordinator) newConfig() protocol.Config {
	config := protocol.Config{Slots: protocol.EvenSlots(c.options.Shards), Limits: c.options.Limits}
	rand.Read(config.Cluster[:]) // never fails: it ends the process if the system has no randomness
	c.logger.Info("makes a new cluster", "cluster", config.Cluster, "shards", config.Shards())
	return config
}

// bounds tells the wire what this coordinator knows of the cluster.
func (c *Coordinator) bounds() wire.Bounds {
	if in := c.now.Load(); in != nil {
		return wire.Bounds{Shards: in.config.Shards(), Transactions: in.config.Limits.BlockTransactions}
	}
	return wire.Bounds{}
}

// sessionEvents turns what happens on sessions into events of the incarnation.
type sessionEvents struct{ *Coordinator }

func (c sessionEvents) Opened(protocol.Session)              {}
func (c sessionEvents) Received(env protocol.Envelope)       { c.post(protocol.Received{Envelope: env}) }
func (c sessionEvents) Closed(s protocol.Session, why error) { c.post(protocol.Closed{Session: s}) }

// post hands an event to the incarnation, if there is one.
func (c *Coordinator) post(ev protocol.Event) {
	if in := c.now.Load(); in != nil {
		in.post(ev)
	}
}

// Close closes the data directory. Run must have returned, or never been called.
func (c *Coordinator) Close() error {
	c.end()
	if in := c.now.Load(); in != nil {
		in.end(stopped)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err := c.sessions.Shutdown(ctx, stopped)
	c.readers.close()
	return errors.Join(err, c.replica.Close())
}

func (c *Coordinator) end() { c.once.Do(func() { close(c.ended) }) }

// stopped is what those are told whom a coordinator leaves that stops.
const stopped = "the coordinator was stopped"

// Status gives what this coordinator knows: the incarnation after its last event,
// or the replica, while another one leads.
func (c *Coordinator) Status() *Status { return c.statusOf(c.now.Load()) }

// statusOf is Status, by an incarnation that may be nil.
func (c *Coordinator) statusOf(in *incarnation) *Status {
	if in != nil {
		return in.core.Status()
	}
	s, config := c.replica.State(), c.replica.Config()
	shards := make([]protocol.ShardStatus, config.Shards())
	for id, directory := range s.Joined {
		shards[id].Joined, shards[id].Directory = true, directory
	}
	return &Status{CoordinatorStatus: protocol.CoordinatorStatus{
		Config: config, Epoch: s.Mark.Epoch, Decided: s.Decided, Kept: c.replica.History().Height(), Shards: shards,
	}}
}

// Leads reports whether this coordinator decides, or has stopped deciding and not
// been deposed.
func (c *Coordinator) Leads() bool { return c.now.Load() != nil }

// Replica is this coordinator's part of the group: its members and their state.
func (c *Coordinator) Replica() *replica.Replica { return c.replica }

// Ready says why this coordinator takes no part, or why the cluster cannot decide
// for now, as far as it knows; nil if it can.
func (c *Coordinator) Ready() error {
	if reason := c.replica.Stalled(); reason != "" {
		return errors.New(reason)
	}
	in := c.now.Load()
	if in == nil {
		if standing, reason := c.replica.Standing(); standing != replica.StandingMember {
			return errors.New(reason)
		}
		if leader, ok := c.replica.Leader(); ok && leader.Name != c.options.Name {
			return nil
		}
		return errors.New("no coordinator leads for now")
	}
	s := in.core.Status()
	if s.Ended != "" {
		return errors.New(s.Ended)
	}
	if reason := c.obstruction(); reason != "" {
		return errors.New(reason)
	}
	var away []int
	for i, p := range s.Shards {
		if p.Quarantined != "" {
			return fmt.Errorf("shard %d is quarantined (%s): nothing is decided", i, p.Quarantined)
		}
		if !p.Connected {
			away = append(away, i)
		}
	}
	if len(away) > 0 {
		return fmt.Errorf("shards %v are not connected: nothing is decided until they are", away)
	}
	return nil
}
