package coordinator

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"golang.org/x/sync/semaphore"
)

// Coordinator is a Core with everything round it: data directory, sessions,
// clients, and the loops that drive it. Open it, serve it, Run it, Close it.
type Coordinator struct {
	options  Options
	logger   hclog.Logger
	config   protocol.Config
	log      *localLog
	history  *history.History
	core     *Core
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
	c.sessions = rpc.NewSessionServer(rpc.SessionServerOptions{
		SessionOptions: rpc.SessionOptions{Logger: c.logger.Named("session"), Bounds: c.bounds}, Handler: sessionEvents{c},
	})
	var err error
	c.core, err = OpenCore(CoreParts{
		Log: c.log, Replay: c.log.Replay, LogID: c.log.ID(), History: c.history,
		Sessions: c.sessions, Clients: c.waiters,
		Protocol: c.options.Protocol, Retain: protocol.Height(c.options.RetainHeights),
		Post: func(ev protocol.Event) { c.post(ev) }, Logger: c.logger,
	})
	if err != nil {
		return err
	}
	c.config = c.core.Config()
	c.batcher = newBatcher(c, c.options.Batch)
	return nil
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

// Close closes the data directory. Run must have returned, or never been called.
func (c *Coordinator) Close() error {
	c.end("the coordinator was stopped")
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err := c.sessions.Shutdown(ctx, "the coordinator was stopped")
	c.readers.close()
	return errors.Join(err, c.closeFiles())
}

// Status gives what the node knew after its last event.
func (c *Coordinator) Status() *Status { return c.core.Status() }

// Ready says why the coordinator cannot decide for now; nil if it can.
func (c *Coordinator) Ready() error {
	s := c.core.Status()
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
