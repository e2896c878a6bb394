package rpc_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
)

// stepClock fires every timer but those of d = never at once, and keeps what
// was waited for.
type stepClock struct {
	never time.Duration
	after func(waits int) // called with the number of waits so far

	mu    sync.Mutex
	now   time.Time
	waits []time.Duration
}

func (c *stepClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *stepClock) NewTimer(d time.Duration) (<-chan time.Time, func() bool) {
	if d == c.never {
		return nil, func() bool { return true }
	}
	c.mu.Lock()
	c.now = c.now.Add(d)
	c.waits = append(c.waits, d)
	n := len(c.waits)
	c.mu.Unlock()
	c.after(n)
	fires := make(chan time.Time, 1)
	fires <- c.Now()
	return fires, func() bool { return true }
}

// deadAddress is one where nobody listens.
func deadAddress(t *testing.T) string {
	l := listen(t)
	defer l.Close()
	return l.Addr().String()
}

func runUntil(t *testing.T, waits int, coordinators []string, random float64) ([]time.Duration, *lines) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	log := newLines()
	clock := &stepClock{never: 7 * time.Second, now: time.Unix(1e9, 0), after: func(n int) {
		if n == waits {
			cancel()
		}
	}}
	client, err := rpc.NewSessionClient(rpc.SessionClientOptions{
		SessionOptions: rpc.SessionOptions{Clock: clock, Random: func() float64 { return random }, Logger: log.logger()},
		Handler:        newRecorder(t), Coordinators: coordinators, Open: clock.never,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
	return clock.waits, log
}

// S8: from 100 ms to 5 s, with full jitter, for ever, and few lines in the log.
func TestBackoffGrowsAndIsSaidSparingly(t *testing.T) {
	waits, log := runUntil(t, 9, []string{deadAddress(t)}, 1)
	ms := time.Millisecond
	want := []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 5000 * ms, 5000 * ms, 5000 * ms}
	if !slices.Equal(waits, want) {
		t.Errorf("waits %v, want %v", waits, want)
	}
	if n := log.count("[WARN]  waiting for coordinator"); n != 4 { // after 0, 1.5, 6.3 and 11.3 s
		t.Errorf("%d lines in the log: %s", n, log.buf.String())
	}
	if waits, _ := runUntil(t, 9, []string{deadAddress(t)}, 0.5); !slices.Equal(waits[:2], []time.Duration{50 * ms, 100 * ms}) {
		t.Errorf("with jitter one half: %v", waits)
	}
}

// S8: an outage of half an hour, in which nobody is reached 361 times.
func TestALongOutageHasFewLines(t *testing.T) {
	_, log := runUntil(t, 361, []string{deadAddress(t)}, 1)
	if n := log.count("[WARN]"); n != 15 { // 9 in the first 5 min, then 5, and one with advice
		t.Errorf("%d lines in the log", n)
	}
}

func TestBackoffGrowsWithRounds(t *testing.T) {
	waits, _ := runUntil(t, 6, []string{deadAddress(t), deadAddress(t)}, 1)
	ms := time.Millisecond
	if want := []time.Duration{100 * ms, 100 * ms, 200 * ms, 200 * ms, 400 * ms, 400 * ms}; !slices.Equal(waits, want) {
		t.Errorf("waits %v, want %v", waits, want)
	}
}

func TestCoordinatorsInTurn(t *testing.T) {
	c := startCoordinator(t)
	log := newLines()
	s := startShard(t, "", func(o *rpc.SessionClientOptions) {
		o.Coordinators = []string{deadAddress(t), c.address}
		o.Logger = log.logger()
	})
	awaitMessage[*protocol.Welcome](s.recorder, 1)
	if log.count("waiting for coordinator") != 1 || log.count("coordinator is back") != 1 {
		t.Errorf("log: %s", log.buf.String())
	}
}

// A coordinator that accepts sessions but never welcomes is a failure like any other.
func TestSessionsWithoutWelcomeAreFailures(t *testing.T) {
	c := startCoordinator(t)
	c.on = func(ev event) {
		if _, hello := ev.env.Message.(*protocol.Hello); hello {
			c.sessions.Send(protocol.Envelope{Session: ev.session, Epoch: 1, Message: protocol.Reject{Kind: protocol.RejectConfiguration, Reason: "no"}})
			c.sessions.Close(ev.session, "no")
		}
	}
	log := newLines()
	s := startShard(t, c.address, func(o *rpc.SessionClientOptions) { o.Logger = log.logger() })
	s.awaitKind("closed", 9)
	s.stop()
	if n := log.count("waiting for coordinator"); n < 8 { // the last one may not have come to it
		t.Errorf("%d of at least 8 failures in the log", n)
	}
}

func TestNoAnswerInTime(t *testing.T) {
	l := listen(t) // takes connections, says nothing
	defer l.Close()
	log := newLines()
	s := startShard(t, l.Addr().String(), func(o *rpc.SessionClientOptions) {
		o.Open, o.Logger = 20*time.Millisecond, log.logger()
	})
	log.await(t, "no answer within 20ms")
	s.stop()
}

func TestClientNeedsCoordinators(t *testing.T) {
	if _, err := rpc.NewSessionClient(rpc.SessionClientOptions{}); err == nil {
		t.Error("a client without coordinators was made")
	}
}
