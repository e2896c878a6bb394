package rpc

import (
	"errors"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

type fixedClock struct{ now time.Time }

func (c *fixedClock) Now() time.Time { return c.now }
func (c *fixedClock) NewTimer(time.Duration) (<-chan time.Time, func() bool) {
	return nil, func() bool { return true }
}

type noHandler struct{}

func (noHandler) Opened(protocol.Session)        {}
func (noHandler) Received(protocol.Envelope)     {}
func (noHandler) Closed(protocol.Session, error) {}

// watched is a session that stands still, at a time that the test sets.
func watched() (*session, *fixedClock) {
	clock := &fixedClock{now: time.Unix(1e9, 0)}
	return newSession(nil, noHandler{}, SessionOptions{Clock: clock}.withDefaults()), clock
}

func (s *session) checkAfter(clock *fixedClock, d time.Duration) error {
	clock.now = clock.now.Add(d)
	s.check(clock.now)
	select {
	case <-s.ended:
		return s.reason
	default:
		return nil
	}
}

func TestWatchEndsSilentSession(t *testing.T) {
	s, clock := watched()
	s.waiting.Store(clock.now.UnixNano())
	if err := s.checkAfter(clock, 4*time.Second); err != nil {
		t.Errorf("too early: %v", err)
	}
	if err := s.checkAfter(clock, time.Nanosecond); !errors.Is(err, ErrSilent) {
		t.Errorf("got %v", err)
	}
}

// While the handler is busy, nobody listens, and silence means nothing.
func TestWatchSparesBusyReader(t *testing.T) {
	s, clock := watched()
	s.waiting.Store(0)
	if err := s.checkAfter(clock, time.Hour); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestWatchWantsHello(t *testing.T) {
	s, clock := watched()
	s.provenBy = clock.now.Add(5 * time.Second)
	if err := s.checkAfter(clock, 5*time.Second); err != nil {
		t.Errorf("too early: %v", err)
	}
	if err := s.checkAfter(clock, time.Nanosecond); !errors.Is(err, ErrNoHello) {
		t.Errorf("got %v", err)
	}
	s, clock = watched()
	s.provenBy = clock.now.Add(5 * time.Second)
	s.proven.Store(true)
	if err := s.checkAfter(clock, time.Hour); err != nil {
		t.Errorf("after a hello: %v", err)
	}
}

func TestWatchEndsDrainingSession(t *testing.T) {
	s, clock := watched()
	s.close("enough")
	s.close("again") // the first reason stands
	if err := s.checkAfter(clock, time.Second); err != nil {
		t.Errorf("too early: %v", err)
	}
	if err := s.checkAfter(clock, time.Nanosecond); !errors.Is(err, ErrClosed) || err.Error() != "closed: enough" {
		t.Errorf("got %v", err)
	}
}

func TestWatchAsksForHeartbeats(t *testing.T) {
	s, clock := watched()
	beats := 0
	for range 80 { // 10 s in steps as watch makes them
		if err := s.checkAfter(clock, 125*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if f, _, _ := s.out.next(); f.GetLane() == wirepb.Lane_LANE_HEARTBEAT {
			beats++
			s.lastSent.Store(clock.now.UnixNano())
		}
	}
	if beats != 20 {
		t.Errorf("%d heartbeats in 10 s", beats)
	}
}

func TestEndKeepsFirstReason(t *testing.T) {
	s, _ := watched()
	s.end(ErrSilent)
	s.end(ErrLeft)
	if !errors.Is(s.reason, ErrSilent) {
		t.Errorf("reason %v", s.reason)
	}
}

// A panic over bytes from the network ends the session, not the process.
func TestPanicOfParserIsCaught(t *testing.T) {
	s, _ := watched()
	s.parse = nil // calling it panics
	if _, err := s.parseSafely([]byte("x")); err == nil {
		t.Error("no error")
	}
}
