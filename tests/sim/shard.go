package sim

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/state"
)

// shard is a machine with its disk, on which one process after the other runs.
type shard struct {
	world     *world
	id        protocol.ShardID
	folder    string
	directory protocol.DirectoryID
	disk      *disk
	created   bool
	process   *shardProcess // nil while it is down
	starts    int
	startAt   time.Duration
	moves     bool // its address changes with every start
	full      bool // there is no space for more
	fullUntil time.Duration
	old       *contents // to go back to; nil for none
	set       *contents // aside, while the shard has old ones; else nil

	// Of the observer.
	shown protocol.Height // committed heights whose writes were read
}

// shardProcess is a process of a shard: the shipping core, and round it what
// package executor's Shard is in production.
type shardProcess struct {
	process
	shard    *shard
	old      bool // it runs on old contents, and nobody has accepted them
	core     *executor.Core
	store    *state.Store
	log      *shardLog
	exchange *exchange
	deliver  Deliver
	address  string
	pieces   []func() // of executions, to be run in any order

	session  *session // that stands, or nil
	sessions protocol.Session
	failures int
	dialAt   time.Duration

	tickAt, checkpointAt time.Duration
	inCheckpoint         bool  // what the log does now is for one
	wasFull              bool  // since it was started
	putOff               bool  // the next checkpoint finds no space
	failed               error // the process must end: a checkpoint or a trim failed, or the loop during one

	// Armed faults of its log.
	failAppend, failSync, refuseTrim, failTrim bool
}

func (w *world) newShard(id int) *shard {
	s := &shard{world: w, id: protocol.ShardID(id), folder: filepath.Join(w.folder, fmt.Sprintf("shard%d", id)), moves: w.drawn.percent(30)}
	w.drawn.fill(s.directory[:])
	s.disk = newDisk(s)
	return s
}

// start begins a new process on the disk.
func (s *shard) start() {
	s.starts++
	s.keepOld()
	w := s.world
	p := &shardProcess{process: w.newProcess(fmt.Sprintf("shard%d", s.id)), shard: s, old: s.set != nil, address: fmt.Sprintf("shard%d", s.id)}
	if s.moves {
		p.address = fmt.Sprintf("shard%d-%d", s.id, s.starts)
	}
	p.log = &shardLog{process: p, disk: s.disk}
	p.exchange = newExchange(p, len(w.shards))
	p.tickAt, p.checkpointAt, p.dialAt = w.now, w.now, w.now
	p.fuse = w.breaksAtStart(ShardCrashInside)
	s.process = p
	w.trace.note(p.name, "starts", uint64(s.starts), s.disk.durable, uint64(s.disk.unforced()))
	p.step(p.open)
}

// open brings back what the disk holds, as executor.Open does.
func (p *shardProcess) open() error {
	s, w := p.shard, p.world
	if err := s.prepareFolder(); err != nil {
		return w.fail("start", "%s does not start: %v", p.name, err)
	}
	options := state.Options{MapBytes: 1 << 20, Clock: storeClock{p}}
	if !s.created {
		fresh := state.Checkpoint{Shard: s.id, Directory: s.directory, Log: state.LogPosition{ID: s.disk.id, Keep: 1}}
		if err := state.Create(s.folder, fresh, options); err != nil {
			return w.fail("start", "%s cannot make its database: %v", p.name, err)
		}
		s.created = true
	}
	place := w.place(&p.process, s.starts)
	place.Shard = s.id
	if folder := w.options.Wraps.Folder; folder != nil {
		folder(place, s.folder)
	}
	var err error
	if p.store, err = state.Open(s.folder, options); err != nil {
		return w.fail("start", "%s cannot open its database: %v", p.name, err)
	}
	p.core, err = executor.OpenCore(p.parts(place))
	if err != nil {
		return w.fail("start", "%s does not start: %v", p.name, err)
	}
	p.deliver = wrapped(w.options.Wraps.Deliver, place, Deliver(p.core.Deliver))
	if s.full {
		p.obstruct()
	}
	w.checkStart(s)
	return nil
}

func (p *shardProcess) parts(place Place) executor.CoreParts {
	w, wraps := p.world, p.world.options.Wraps
	var instance protocol.InstanceID
	p.fill(instance[:])
	runner := w.runner
	runner.Pick = p.IntN
	return executor.CoreParts{
		Shard: p.shard.id, Instance: instance, Address: p.address, Directory: p.shard.folder,
		Log: wrapped(wraps.ShardLog, place, executor.ReplayLog(p.log)), Store: p.store,
		Machine:    wrapped(wraps.Machine, place, executor.Machine(machine{})),
		Pusher:     wrapped(wraps.Pusher, place, executor.Pusher(p.exchange)),
		Sessions:   wrapped(wraps.ShardSessions, place, executor.Sessions(shardSessions{p})),
		Neighbours: p.exchange, Schedule: p, Runner: runner, Checkpoint: w.checkpoint, TrimBytes: w.trimBytes,
		Post:   p.post,
		Failed: func(err error) { p.failed = err },
		Wrap:   func(m executor.Participant) executor.Participant { return wrapped(wraps.Participant, place, m) },
		Now:    p.clock, Logger: hclog.NewNullLogger(),
	}
}

// storeClock is the clock of a shard's database.
type storeClock struct{ *shardProcess }

func (c storeClock) Now() time.Time                       { return c.clock() }
func (c storeClock) After(time.Duration) <-chan time.Time { return nil }

// Go implements executor.Schedule.
func (p *shardProcess) Go(piece func()) { p.pieces = append(p.pieces, piece) }

// step lets the process do something, and takes care of its end.
func (p *shardProcess) step(do func() error) {
	ends, err := p.do(func() error { return errors.Join(do(), p.failed) })
	if ends != "" {
		p.world.check(err == nil || p.log.poisoned != nil, "node", "%s stops, although nothing is wrong with its disk: %v", p.name, err)
		p.shard.end(ends)
		return
	}
	p.world.checkShard(p.shard)
}

// handle gives the node some of the events that wait.
func (p *shardProcess) handle() {
	events := p.take(p.world.mostEvents)
	p.world.trace.events(p.name, events, len(p.inbox))
	p.step(func() error { return p.core.Handle(events...) })
}

// runPiece runs one of the pieces of executions that wait.
func (p *shardProcess) runPiece() {
	i := p.IntN(len(p.pieces))
	piece := p.pieces[i]
	p.pieces = append(p.pieces[:i:i], p.pieces[i+1:]...)
	p.step(func() error { piece(); return nil })
}

// lookAtCheckpoint does what is due for the database. The shard's loop may go
// on in the middle of it.
func (p *shardProcess) lookAtCheckpoint() {
	p.step(func() error {
		before := p.store.Checkpoint().Height()
		if p.percent(30) {
			p.log.forcing = p.handleMeanwhile
		}
		p.inCheckpoint = true
		defer func() { p.inCheckpoint, p.log.forcing = false, nil }()
		wait, err := p.core.Checkpoint(context.Background())
		if err != nil {
			return err
		}
		p.checkpointAt = p.world.now + min(wait, p.world.lookEvery)
		if after := p.store.Checkpoint().Height(); after != before {
			p.world.count("checkpoints")
			p.world.flushed(p)
			p.world.trace.note(p.name, "checkpoints", uint64(after))
		}
		return nil
	})
}

// handleMeanwhile is the loop of the shard while a checkpoint forces the log.
func (p *shardProcess) handleMeanwhile() {
	if len(p.inbox) > 0 {
		p.inCheckpoint = false
		events := p.take(p.world.mostEvents)
		p.world.trace.events(p.name, events, len(p.inbox))
		p.failed = errors.Join(p.failed, p.core.Handle(events...))
		p.inCheckpoint = true
	}
}

// end is the end of the process: its memory is gone, and of what it had not
// forced only the first part survives.
func (s *shard) end(why string) {
	p, w := s.process, s.world
	w.trace.note(p.name, "ends")
	w.trace.say(p.name, "%s", why)
	w.count("shard ends")
	p.dead, s.process = true, nil
	if p.store != nil {
		if err := p.store.Close(); err != nil {
			_ = w.fail("start", "%s cannot let go of its database: %v", p.name, err)
		}
	}
	if f := s.disk.files; f != nil && f.log != nil {
		f.crash(p.chooser)
	} else {
		s.disk.cut(p.IntN(s.disk.unforced() + 1))
	}
	w.endSessions(func(t *session) *sessionEnd {
		if t.shard == p {
			return &t.atShard
		}
		return nil
	})
	for _, t := range w.streams {
		if t.from == p {
			t.fromOver, t.broken = true, true
		}
		if t.to == p {
			t.toOver, t.broken = true, true
		}
	}
	s.startAt = w.now + p.wait(0, 2*time.Second)
}

// backoff draws a wait that grows with the failures: full jitter.
func (p *shardProcess) backoff(first, most time.Duration) time.Duration {
	return p.wait(0, min(first<<min(max(p.failures-1, 0), 10), most))
}

// prepareFolder opens the real log, if there is one: what an open log holds is
// durable.
func (s *shard) prepareFolder() error {
	if !s.created {
		if err := makeFolder(s.folder); err != nil {
			return err
		}
		if s.world.fileLogs {
			s.disk.files = &files{disk: s.disk, folder: filepath.Join(s.folder, executor.LogDirectory)}
		}
	}
	if s.disk.files != nil {
		s.disk.files.open()
	}
	s.disk.force()
	return nil
}

// read reads committed keys, as a client may. ok is false if the shard does
// not have the height at hand.
func (p *shardProcess) read(keys [][]byte, at protocol.Height) (h protocol.Height, values []executor.Value, ok bool) {
	h, values, err := p.core.Read(keys, at)
	switch {
	case errors.Is(err, state.ErrPruned), errors.Is(err, state.ErrNotCommitted):
		return 0, nil, false
	case err != nil:
		_ = p.world.fail("8 atomic reads", "%s cannot read height %d: %v", p.name, at, err)
	}
	return h, values, true
}
