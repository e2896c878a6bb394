package executor

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/state"
	"github.com/lockstep-exec/lockstep/wal"
)

// breakingLog is a log that fails when it is told to.
type breakingLog struct {
	*wal.Log
	sync, trim error
	forcing    func() // called before each Sync, unless it is nil
}

func (l *breakingLog) Sync() error {
	if l.forcing != nil {
		l.forcing()
	}
	if l.sync != nil {
		return l.sync
	}
	return l.Log.Sync()
}

func (l *breakingLog) TrimFront(keep uint64) error {
	if l.trim != nil {
		return l.trim
	}
	return l.Log.TrimFront(keep)
}

// handled is a Core that a test drives by hand, in its own thread.
type handled struct {
	*Core
	t        *testing.T
	storage  *storage
	log      *breakingLog
	pieces   piecesInHand
	stage    stage // takes what is sent
	posted   []protocol.Event
	failures []error
	stepped  int // events that went through the wrapped machine
}

func handle(t *testing.T, dir string) *handled {
	t.Helper()
	h := &handled{t: t, storage: mustOpen(t, dir, 0)}
	h.log = &breakingLog{Log: h.storage.log}
	core, err := OpenCore(CoreParts{
		Directory: dir, Log: h.log, Store: h.storage.store, Machine: adder, Pusher: newLine(),
		Sessions: stageSessions{&h.stage}, Neighbours: stagePeers{&h.stage}, Schedule: &h.pieces,
		Checkpoint: state.Policy{MaxBytes: 1, HoldBack: -1, RetryAfter: 1}, TrimBytes: 1,
		Post:   func(ev protocol.Event) { h.posted = append(h.posted, ev) },
		Failed: func(err error) { h.failures = append(h.failures, err) },
		Now:    fixedNow, Logger: hclog.NewNullLogger(),
		Wrap: func(p Participant) Participant { return countedParticipant{p, &h.stepped} },
	})
	if err != nil {
		t.Fatal(err)
	}
	h.Core = core
	return h
}

type countedParticipant struct {
	Participant
	steps *int
}

func (c countedParticipant) Step(ev protocol.Event) (protocol.Effects, error) {
	*c.steps++
	return c.Participant.Step(ev)
}

// does handles events, and everything that comes of them.
func (h *handled) does(events ...protocol.Event) {
	h.t.Helper()
	for len(events) > 0 {
		if err := h.Handle(events...); err != nil {
			h.t.Fatal(err)
		}
		for len(h.pieces.pieces) > 0 {
			h.pieces.run(0)
		}
		events, h.posted = h.posted, nil
	}
}

// welcomed has session 1 stand; the coordinator has decided what is committed.
func (h *handled) welcomed() {
	h.does(protocol.Opened{Session: 1}, from(1, &protocol.Welcome{Config: testConfig(1), Committed: h.Status().Committed.Height()}))
}

func (h *handled) checkpoint() {
	h.t.Helper()
	if _, err := h.Checkpoint(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	h.does(h.posted...)
}

func (h *handled) close() {
	h.Close()
	mustClose(h.t, h.storage)
}

// counts executes a block that counts a key up, on session 1.
func counts(a, parent protocol.AttemptID) protocol.Event {
	sub := subBlocks([]protocol.Transaction{txn("a", "x:counter")}, testConfig(1).Slots)[0]
	return from(1, &protocol.Execute{Attempt: a, Parent: parent, SubBlock: protocol.EncodeSubBlock(sub)})
}

// decided commits the lowest attempt that is prepared, with its digest.
func (h *handled) decided() protocol.Event {
	h.t.Helper()
	for _, m := range slices.Backward(h.stage.sent) {
		switch m := m.(type) {
		case *protocol.Vote:
			return from(1, protocol.Commit{Committed: protocol.Committed{Attempt: m.Attempt, Digest: m.Digest}})
		case *protocol.Hello:
			held := m.Prepared[0]
			return from(1, protocol.Commit{Committed: protocol.Committed{Attempt: held.Attempt, Digest: held.Digest}})
		}
	}
	h.t.Fatal("nothing was voted on")
	return nil
}

func (h *handled) reads(at, height protocol.Height, want uint64) {
	h.t.Helper()
	got, values, err := h.Read([][]byte{[]byte("counter")}, at)
	if err != nil || got != height || fmt.Sprintf("%x", values[0].Bytes) != fmt.Sprintf("%016x", want) {
		h.t.Errorf("read of height %d: %v at %d, %v, want %d at %d", at, values, got, err, want, height)
	}
}

// TestACoreInOneThread is the life of a shard without a goroutine: blocks, a
// checkpoint, a crash with an attempt in doubt, and its decision.
func TestACoreInOneThread(t *testing.T) {
	dir := t.TempDir()
	h := handle(t, dir)
	h.welcomed()
	h.does(counts(at(1, 1), protocol.AttemptID{}))
	h.does(h.decided())
	h.reads(0, 1, 1)
	if _, _, err := h.Read([][]byte{[]byte("counter")}, 2); !errors.Is(err, state.ErrNotCommitted) {
		t.Errorf("a height to come: %v", err)
	}
	h.does(counts(at(2, 1), at(1, 1)))
	first := h.log.First()
	h.checkpoint()
	if s := h.Status(); s.Checkpointed != 1 || h.log.First() <= first || len(h.failures) > 0 {
		t.Errorf("checkpointed %d, the log begins at record %d as before, failures %v", s.Checkpointed, h.log.First(), h.failures)
	}
	h.close()

	h = handle(t, dir)
	defer h.close()
	if s := h.Status(); s.Committed.Height() != 1 || len(s.Prepared) != 1 || s.Prepared[0].Attempt != at(2, 1) {
		t.Fatalf("came back at height %d with %v in doubt", s.Committed.Height(), s.Prepared)
	}
	h.welcomed()
	h.does(h.decided())
	h.reads(0, 2, 2)
	h.reads(1, 1, 1)
	if h.stepped == 0 {
		t.Error("the wrapped machine was not asked")
	}
}

// TestAFailedCheckpointIsTold is S9 beside the loop.
func TestAFailedCheckpointIsTold(t *testing.T) {
	broken := errors.New("disk on fire")
	for name, test := range map[string]struct {
		breaks func(*breakingLog)
		fatal  bool
	}{
		"force":            {func(l *breakingLog) { l.sync = broken }, true},
		"trim":             {func(l *breakingLog) { l.trim = broken }, true},
		"no space to trim": {func(l *breakingLog) { l.trim = wal.ErrNoSpace }, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := handle(t, t.TempDir())
			defer h.close()
			h.welcomed()
			h.does(counts(at(1, 1), protocol.AttemptID{}))
			h.does(h.decided())
			test.breaks(h.log)
			_, err := h.Checkpoint(t.Context())
			if told := len(h.failures) == 1 && errors.Is(h.failures[0], broken); told != test.fatal {
				t.Fatalf("told %v, error %v", h.failures, err)
			}
			if !test.fatal {
				return
			}
			if err := h.Stop(h.failures[0]); !errors.Is(err, ErrStopped) || !errors.Is(err, broken) {
				t.Errorf("stopped with %v", err)
			}
			if err := h.Handle(counts(at(2, 1), at(1, 1))); !errors.Is(err, ErrStopped) || h.Status().Stopped == "" {
				t.Errorf("it goes on: %v", err)
			}
		})
	}
}

func TestDamageIsToldOnce(t *testing.T) {
	h := handle(t, t.TempDir())
	defer h.close()
	for range 3 {
		h.foundDamage(errors.New("another value"))
	}
	if !slices.Equal(h.posted, []protocol.Event{protocol.Damaged{Reason: "another value"}}) {
		t.Errorf("posted %v", h.posted)
	}
}
