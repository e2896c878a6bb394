package state

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
)

// fakeClock stands still until a test moves it.
type fakeClock struct{ now time.Time }

func (c *fakeClock) Now() time.Time { return c.now }

func (c *fakeClock) After(time.Duration) <-chan time.Time { panic("Step does not wait") }

// recorder is the owner of a Checkpointer.
type recorder struct {
	prepared []protocol.Height
	done     []protocol.Height
	putOff   []error
	failed   []error
	fail     error
}

func (r *recorder) hooks() Hooks {
	return Hooks{
		Prepare: func(_ context.Context, upTo protocol.Height) (LogPosition, protocol.Config, protocol.Epoch, error) {
			r.prepared = append(r.prepared, upTo)
			return LogPosition{Keep: uint64(upTo)}, protocol.Config{}, 1, r.fail
		},
		Done:   func(cp Checkpoint) { r.done = append(r.done, cp.Height()) },
		PutOff: func(err error) { r.putOff = append(r.putOff, err) },
		Failed: func(err error) { r.failed = append(r.failed, err) },
	}
}

func wantStep(t *testing.T, c *Checkpointer, wait time.Duration, checkpointed protocol.Height) {
	t.Helper()
	got, err := c.Step(background)
	must(t, err)
	if h := c.store.Checkpoint().Height(); got != wait || h != checkpointed {
		t.Fatalf("wait %v, checkpointed %d; want %v, %d", got, h, wait, checkpointed)
	}
}

func TestCheckpointerSteps(t *testing.T) {
	clock := &fakeClock{now: millis(0)}
	s, _ := makeStore(t, Options{Clock: clock})
	var r recorder
	c := NewCheckpointer(s, Policy{MaxAge: time.Second, HoldBack: 2}, r.hooks())
	wantStep(t, c, untilChanged, 0)
	for range 5 {
		clock.now = clock.now.Add(100 * time.Millisecond)
		advance(t, s, put("a", "1"))
	}
	wantStep(t, c, 500*time.Millisecond, 0)
	for range 6 {
		clock.now = clock.now.Add(100 * time.Millisecond)
		advance(t, s, put("a", "1"))
	}
	if n := s.PendingBytes(); n != 11*(2+writeOverhead) {
		t.Fatalf("%d bytes pending", n)
	}
	wantStep(t, c, 0, 9) // height 1 is a second old; 10 and 11 are held back
	wantStep(t, c, 500*time.Millisecond, 9)
	clock.now = clock.now.Add(500 * time.Millisecond)
	wantStep(t, c, 0, 11)
	wantStep(t, c, untilChanged, 11)
	if len(r.prepared) != 2 || len(r.done) != 2 || r.done[1] != 11 || s.Checkpoint().Log.Keep != 11 {
		t.Fatalf("prepared %v, done %v", r.prepared, r.done)
	}
}

func TestCheckpointerRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := makeStore(t, Options{})
		var r recorder
		c := NewCheckpointer(s, Policy{MaxAge: time.Second}, r.hooks())
		ctx, stop := context.WithCancel(background)
		ended := make(chan error)
		go func() { ended <- c.Run(ctx) }()
		start := time.Now()
		for range 200 { // 100 a second
			<-time.After(10 * time.Millisecond) // by the clock of the bubble
			advance(t, s, put("a", "1"))
		}
		synctest.Wait()
		if n, held := len(r.done), s.PendingHeights(); n != 1 || held < 16 {
			t.Errorf("%d checkpoints in %v under load, %d heights pending", n, time.Since(start), held)
		}
		<-time.After(500 * time.Millisecond)
		synctest.Wait()
		if n, h := len(r.done), s.Checkpoint().Height(); n != 3 || h != 200 { // by age at 2 s, by idleness at 2.5 s
			t.Errorf("idle: checkpoints %v, height %d", r.done, h)
		}
		stop()
		wantErr(t, <-ended, context.Canceled)
		if len(r.failed) > 0 {
			t.Errorf("failed: %v", r.failed)
		}
	})
}

func TestFlushAllTakesEverything(t *testing.T) {
	s, _ := makeStore(t, Options{})
	var r recorder
	c := NewCheckpointer(s, Policy{MaxBytes: 3 * (2 + writeOverhead) / 2}, r.hooks())
	must(t, c.FlushAll(background)) // the record alone
	for range 9 {
		advance(t, s, put("a", "1"))
	}
	must(t, c.FlushAll(background))
	if len(r.done) != 4 || s.Checkpoint().Height() != 9 { // nothing, then three times three heights
		t.Fatalf("checkpoints at %v", r.done)
	}
}

func TestFailingPrepareEndsTheCheckpointer(t *testing.T) {
	s, _ := makeStore(t, Options{})
	r := recorder{fail: errors.New("log failed")}
	c := NewCheckpointer(s, Policy{IdleAfter: time.Nanosecond}, r.hooks())
	advance(t, s, put("a", "1"))
	wantErr(t, c.Run(background), r.fail)
	if len(r.failed) != 1 || s.Checkpoint().Height() != 0 {
		t.Fatalf("failed %v, checkpointed %d", r.failed, s.Checkpoint().Height())
	}
	advance(t, s) // the store itself is sound
}

func TestEndedContextIsNoFailure(t *testing.T) {
	s, _ := makeStore(t, Options{})
	advance(t, s, put("a", "1"))
	ctx, cancel := context.WithCancel(background)
	var r recorder
	hooks := r.hooks()
	prepare := hooks.Prepare
	hooks.Prepare = func(ctx context.Context, upTo protocol.Height) (LogPosition, protocol.Config, protocol.Epoch, error) {
		cancel()
		return prepare(ctx, upTo)
	}
	c := NewCheckpointer(s, Policy{IdleAfter: time.Nanosecond}, hooks)
	wantErr(t, c.Run(ctx), context.Canceled)
	if len(r.failed) > 0 || len(r.prepared) != 1 || s.Checkpoint().Height() != 0 {
		t.Fatalf("%+v", r)
	}
}

// TestAFailureWhileTheContextEndsIsTold: what failed for another reason is no
// orderly end.
func TestAFailureWhileTheContextEndsIsTold(t *testing.T) {
	s, _ := makeStore(t, Options{})
	advance(t, s, put("a", "1"))
	ctx, cancel := context.WithCancel(background)
	r := recorder{fail: errors.New("log failed")}
	hooks := r.hooks()
	prepare := hooks.Prepare
	hooks.Prepare = func(ctx context.Context, upTo protocol.Height) (LogPosition, protocol.Config, protocol.Epoch, error) {
		cancel()
		return prepare(ctx, upTo)
	}
	c := NewCheckpointer(s, Policy{IdleAfter: time.Nanosecond}, hooks)
	wantErr(t, c.Run(ctx), r.fail)
	if len(r.failed) != 1 {
		t.Fatalf("told %v", r.failed)
	}
}
