package executor

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
	"github.com/lockstep-exec/lockstep/state"
	"github.com/lockstep-exec/lockstep/wal"
)

// put is a block that sets one key of a shard to a value that tells n.
func put(b *boss, s protocol.ShardID, n byte) (key string, block []protocol.Transaction) {
	key = keysOn(b.config.Slots, s, 1)[0]
	return key, []protocol.Transaction{txn("a"+string(n), "x:"+key)}
}

func TestAShardExecutesVotesCommitsAndServes(t *testing.T) {
	b := newBoss(t, 1)
	h := newHouse(t, b, 0)
	want := NewSequential(mixer, b.config.Limits)
	for n := range byte(5) {
		key, block := put(b, 0, n)
		d := b.commits(block)
		if _, err := want.Execute(block); err != nil {
			t.Fatal(err)
		}
		if d.Digests[0] != want.StateDigest(b.config.Slots, 0) {
			t.Fatalf("height %d is decided with digest %s", d.Height(), d.Digests[0])
		}
		got, err := h.get(uint64(n+1), key) // waits until it is committed here
		value, ok := want.Get([]byte(key))
		if err != nil || got.Height != uint64(n+1) || got.Values[0].Found != ok || string(got.Values[0].Value) != string(value) {
			t.Fatalf("read %v, %v, want %q", got, err, value)
		}
	}
	h.awaits(5)
	if err := h.Ready(); err != nil {
		t.Errorf("not ready: %v", err)
	}
	if e := h.Entry(); e.State != wirepb.ShardState_SHARD_STATE_READY || e.CommittedHeight != 5 {
		t.Errorf("entry %v", e)
	}
	if err := h.stop(); err != nil {
		t.Errorf("Run ended with %v", err)
	}
}

func TestAShardComesBackFromDatabaseAndLog(t *testing.T) {
	b := newBoss(t, 1)
	h := newHouse(t, b, 0)
	want := NewSequential(mixer, b.config.Limits)
	run := func(n byte) {
		t.Helper()
		_, block := put(b, 0, n)
		if _, err := want.Execute(block); err != nil {
			t.Fatal(err)
		}
		if d := b.commits(block); d.Digests[0] != want.StateDigest(b.config.Slots, 0) {
			t.Fatalf("height %d is decided with digest %s", d.Height(), d.Digests[0])
		}
	}
	run(1)
	run(2)
	h.awaits(2)
	if err := h.core.keeper.FlushAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the coordinator hears of the checkpoint", func() bool { return b.status().Shards[0].Checkpointed == 2 })
	run(3)
	run(4)
	b.setMute(true)
	run(5) // decided, and the shard does not know
	h.awaits(4)
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	b.gate.cut()
	h.options.Coordinators = []string{"127.0.0.1:1"} // nobody answers
	h.start()
	s := h.Status()
	if s.Checkpointed != 2 || s.Committed.Height() != 4 || len(s.Prepared) != 1 || s.Prepared[0].Attempt.Height != 5 {
		t.Fatalf("came back with %+v", s)
	}
	if e := h.Entry(); e.State != wirepb.ShardState_SHARD_STATE_IN_DOUBT || !strings.Contains(e.Reason, "not known") {
		t.Errorf("entry %v", e)
	}
	if h.Ready() == nil {
		t.Error("ready without its coordinator")
	}
	key, _ := put(b, 0, 0)
	if got, err := h.get(0, key); err != nil || got.Height != 4 {
		t.Errorf("committed state is not served: %v, %v", got, err)
	}
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	b.setMute(false)
	h.options.Coordinators = []string{b.gate.address()}
	h.start()
	h.awaits(5)
	run(6)
	h.awaits(6)
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	if err := offlineDigest(h.options.Directory, want.StateDigest(b.config.Slots, 0)); err != nil {
		t.Error(err)
	}
}

// offlineDigest compares the committed state on disk, by a full scan.
func offlineDigest(dir string, want protocol.Digest) error {
	o, err := ReadOffline(dir)
	if err != nil {
		return err
	}
	defer o.Close()
	var sum protocol.Sum
	err = o.Scan(func(key, value []byte) error {
		sum = sum.Add(protocol.PairSum(key, value))
		return nil
	})
	if err == nil && (sum.Digest() != want || o.Committed().Digest != want) {
		err = errors.New("the digest on disk is another")
	}
	return err
}

// TestAnAttemptSurvivesALostSession is S2 and C5: the wire breaks between vote
// and decision, again and again.
func TestAnAttemptSurvivesALostSession(t *testing.T) {
	b := newBoss(t, 1)
	h := newHouse(t, b, 0)
	for n := range byte(3) {
		b.setMute(true)
		_, block := put(b, 0, n)
		b.commits(block)
		eventually(t, "the shard has prepared", func() bool { return len(h.Status().Prepared) == 1 })
		b.gate.cut()
		b.setMute(false)
		h.awaits(protocol.Height(n + 1))
	}
}

func TestTwoShardsExchangeValues(t *testing.T) {
	b := newBoss(t, 2)
	houses := []*house{newHouse(t, b, 0), newHouse(t, b, 1)}
	zero, one := keysOn(b.config.Slots, 0, 1)[0], keysOn(b.config.Slots, 1, 1)[0]
	want := NewSequential(mixer, b.config.Limits)
	for n := range byte(4) {
		block := []protocol.Transaction{
			txn("a"+string(n), "x:"+zero), txn("a"+string(n), "r:"+zero, "x:"+one), txn("c"+string(n), "x:"+zero, "x:"+one), txn("a", "r:"+one, "w:"+zero),
		}
		outcomes, err := want.Execute(block)
		if err != nil {
			t.Fatal(err)
		}
		d := b.commits(block)
		if !d.Outcomes.Equal(outcomes) {
			t.Fatalf("outcomes %v, want %v", d.Outcomes, outcomes)
		}
		for s := range houses {
			if d.Digests[s] != want.StateDigest(b.config.Slots, protocol.ShardID(s)) {
				t.Fatalf("height %d, shard %d: another digest than in a sequential run", d.Height(), s)
			}
		}
		if n == 1 { // the peers find each other again
			if err := houses[1].stop(); err != nil {
				t.Fatal(err)
			}
			houses[1].start()
		}
	}
	for _, h := range houses {
		h.awaits(4)
	}
	eventually(t, "nothing is kept for peers", func() bool { return houses[0].exchange.Bytes() == 0 })
	if got, err := houses[0].get(4, one); status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), "shard 1") {
		t.Errorf("a key of another shard: %v, %v", got, err)
	}
}

// TestAShardWithoutItsPeerRefusesAndTriesAgain: the peer has a session, but
// nothing of what it pushes arrives.
func TestAShardWithoutItsPeerRefusesAndTriesAgain(t *testing.T) {
	b := newBoss(t, 2)
	zero, one := newHouse(t, b, 0), newHouse(t, b, 1)
	block, _ := cross(b.config, "")
	b.commits(block)
	// From now on shard 1 is told a wrong address of shard 0.
	b.setTamper(func(env protocol.Envelope) protocol.Envelope {
		if w, ok := env.Message.(*protocol.Welcome); ok {
			lie := *w
			lie.Peers = []protocol.Peer{{Shard: 0, Address: "127.0.0.1:1"}, {Shard: 1, Address: "127.0.0.1:1"}}
			env.Message = &lie
		}
		return env
	})
	if err := zero.stop(); err != nil {
		t.Fatal(err)
	}
	if err := one.stop(); err != nil {
		t.Fatal(err)
	}
	zero.options.Runner.PeerTimeout = 100 * time.Millisecond
	zero.start()
	eventually(t, "the coordinator sees shard 0", func() bool { return b.status().Shards[0].Address == zero.options.Address })
	one.start()
	b.submit(block)
	eventually(t, "shard 0 refuses", func() bool { return zero.Status().Notes["refused_vote"] >= 2 })
	b.setTamper(nil)
	b.gate.cut() // the next welcome tells the truth
	if a := receive(t, "an answer", b.answers); a.Verdict != protocol.VerdictCommitted {
		t.Errorf("verdict %d: %s", a.Verdict, a.Reason)
	}
}

func TestAQuarantinedShardServesNothing(t *testing.T) {
	b := newBoss(t, 1)
	h := newHouse(t, b, 0)
	key, block := put(b, 0, 1)
	b.commits(block)
	h.awaits(1)
	b.setTamper(func(env protocol.Envelope) protocol.Envelope {
		if c, ok := env.Message.(protocol.Commit); ok {
			c.Digest[0] ^= 1
			env.Message = c
		}
		return env
	})
	_, block = put(b, 0, 2)
	b.submit(block)
	eventually(t, "it is quarantined", func() bool { return h.Status().Quarantined != "" })
	if h.Status().Committed.Height() != 1 || h.Ready() == nil {
		t.Errorf("status %+v", h.Status())
	}
	if _, err := h.get(0, key); status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), "quarantined") {
		t.Errorf("a read: %v", err)
	}
	eventually(t, "the coordinator knows", func() bool { return b.status().Shards[0].Quarantined != "" })
	if err := h.stop(); err != nil {
		t.Errorf("Run ended with %v", err)
	}
}

func TestReadsOfAShard(t *testing.T) {
	b := newBoss(t, 1)
	b.gate.close() // nobody answers yet
	h := newHouse(t, b, 0)
	if _, err := h.get(0, "k"); status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), "never welcomed") {
		t.Errorf("before the first welcome: %v", err)
	}
	if e := h.Entry(); e.State != wirepb.ShardState_SHARD_STATE_WAITING_FOR_COORDINATOR {
		t.Errorf("entry %v", e)
	}
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}

	b = newBoss(t, 1)
	h = newHouse(t, b, 0)
	h.options.Checkpoint = state.Policy{}
	for n := range byte(3) {
		_, block := put(b, 0, n)
		b.commits(block)
	}
	h.awaits(3)
	if _, err := h.get(0); status.Code(err) != codes.InvalidArgument {
		t.Errorf("no keys: %v", err)
	}
	if _, err := h.get(9, "k"); status.Code(err) != codes.OutOfRange {
		t.Errorf("a height to come: %v", err)
	}
	if err := h.core.keeper.FlushAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := h.get(1, "k"); status.Code(err) != codes.OutOfRange {
		t.Errorf("a height that is gone: %v", err)
	}
	if got, err := h.get(0, "k"); err != nil || got.Height != 3 || got.LastSlot != protocol.SlotCount-1 {
		t.Errorf("the newest height: %v, %v", got, err)
	}
}

// TestReadsOfAShardAreBounded: in the bytes of all values.
func TestReadsOfAShardAreBounded(t *testing.T) {
	b := newBoss(t, 1)
	h := newHouse(t, b, 0)
	key, block := put(b, 0, 1)
	b.commits(block)
	got, err := h.get(1, key, key)
	if err != nil || len(got.Values[0].Value) == 0 {
		t.Fatalf("read %v, %v", got, err)
	}
	read := func(most int) error {
		view, err := h.storage.store.ViewCommitted(1)
		if err != nil {
			t.Fatal(err)
		}
		_, err = readAndClose(view, [][]byte{[]byte(key), []byte(key)}, most, func(err error) { t.Error(err) })
		return err
	}
	fits := 2 * len(got.Values[0].Value)
	if err := read(fits); err != nil {
		t.Errorf("as much as there may be: %v", err)
	}
	if err := readError(read(fits - 1)); status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), "read fewer keys") {
		t.Errorf("one byte more: %v", err)
	}
}

// TestAFailedCheckpointStopsTheShard is S9 for the database.
func TestAFailedCheckpointStopsTheShard(t *testing.T) {
	b := newBoss(t, 1)
	h := newHouse(t, b, 0)
	_, block := put(b, 0, 1)
	b.commits(block)
	h.awaits(1)
	h.fail(errors.New("the database is gone"))
	h.fail(errors.New("a second reason does not block"))
	eventually(t, "it says that it has stopped", func() bool { return strings.Contains(h.Status().Stopped, "the database is gone") })
	if h.Ready() == nil {
		t.Error("ready")
	}
	if err := h.stop(); !errors.Is(err, ErrStopped) {
		t.Errorf("Run ended with %v", err)
	}
}

// TestAFailureAfterTheLoopIsTold: a checkpoint that fails while the shard ends
// in good order is no orderly end.
func TestAFailureAfterTheLoopIsTold(t *testing.T) {
	b := newBoss(t, 1)
	h := newHouse(t, b, 0)
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("disk on fire")
	h.options.Checkpoint = state.Policy{IdleAfter: time.Nanosecond}
	h.options.Watch.Checkpoints = func(time.Duration, error) {
		h.cancel()
		<-h.ended
		h.fail(broken)
	}
	h.start()
	_, block := put(b, 0, 1)
	b.commits(block)
	err := receive(t, "the end of Run", h.ran)
	h.ran <- err // for stop
	if err := h.stop(); !errors.Is(err, ErrStopped) || !errors.Is(err, broken) || !strings.Contains(h.Status().Stopped, "on fire") {
		t.Errorf("Run ended with %v", err)
	}
}

// TestCloseTellsThatTheLogFailed, unless Run has.
func TestCloseTellsThatTheLogFailed(t *testing.T) {
	for name, known := range map[string]bool{"nobody knows": false, "the node was stopped": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, err := Open(Options{Directory: dir, Coordinators: []string{"127.0.0.1:1"}, Machine: mixer, Logger: quietLogger()})
			if err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(filepath.Join(dir, LogDirectory)); err != nil {
				t.Fatal(err)
			}
			segment := wal.Record{Type: 1, Data: make([]byte, wal.DefaultSegmentBytes)} // the next cannot be begun
			if _, err := s.storage.log.Append(segment, segment); s.storage.log.Err() == nil {
				t.Fatalf("a log without a folder goes on: %v", err)
			}
			if known {
				s.fail(s.storage.log.Err())
				if err := s.Run(t.Context()); !errors.Is(err, ErrStopped) {
					t.Fatalf("Run ended with %v", err)
				}
			}
			if err := s.Close(); errors.Is(err, wal.ErrPoisoned) == known {
				t.Errorf("Close gave %v", err)
			}
		})
	}
}

func TestAShardWithoutRoomRefusesToPrepare(t *testing.T) {
	b := newBoss(t, 1)
	h := newHouse(t, b, 0)
	_, block := put(b, 0, 1)
	b.commits(block)
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	h.options.MinFreeBytes = 1 << 60
	h.start()
	eventually(t, "it says so", func() bool { return h.Status().Obstructed != "" })
	b.submit(block)
	eventually(t, "it refuses", func() bool { return h.Status().Notes["refused_vote"] > 0 })
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	h.options.MinFreeBytes = -1
	h.start()
	if a := receive(t, "an answer", b.answers); a.Verdict != protocol.VerdictCommitted {
		t.Errorf("verdict %d: %s", a.Verdict, a.Reason)
	}
}

func TestOpenThatFailsLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(Options{Directory: dir, Machine: mixer, Logger: quietLogger()}); err == nil {
		t.Fatal("opened without a coordinator to dial")
	}
	mustClose(t, mustOpen(t, dir, 0))
}

func TestCloseWithoutRun(t *testing.T) {
	s, err := Open(Options{Directory: t.TempDir(), Coordinators: []string{"127.0.0.1:1"}, Machine: mixer, Logger: quietLogger()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
