package client

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// sends is what a coordinator says that does not lead.
func sends(leader string) reply {
	return func(context.Context) (*wirepb.SubmitBlockResponse, error) {
		return nil, wire.NotLeader(leader, "it does not lead")
	}
}

func TestSubmitFollowsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := says(sends("c:1")), says(fails(codes.Unavailable, "")), says(committed)
		start := time.Now()
		answer, err := submitTo(t, block, a, b, c)
		if err != nil || answer.Decision != Committed || time.Since(start) != 0 {
			t.Errorf("answer %+v, error %v after %s", answer, err, time.Since(start))
		}
		if len(a.calls) != 1 || len(b.calls) != 0 || len(c.calls) != 1 {
			t.Errorf("%d, %d and %d calls", len(a.calls), len(b.calls), len(c.calls))
		}
	})
}

// While coordinators answer, of which none leads, a client comes back soon.
func TestSubmitComesBackSoonWhileNobodyLeads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := says(sends("")), says(fails(codes.Unavailable, ""))
		s := block
		s.Timeout = 20 * time.Second
		answer, err := submitTo(t, s, a, b)
		if err != nil || answer.Decision != Unknown {
			t.Fatalf("answer %+v, error %v", answer, err)
		}
		for i := 1; i < len(a.calls); i++ {
			if gap := a.calls[i].at - a.calls[i-1].at; gap > 2*mostLeaderDelay {
				t.Errorf("call %d came after %s", i, gap)
			}
		}
		if n := len(a.calls); n < 20 || n > 60 {
			t.Errorf("%d calls in 20 s", n)
		}
	})
}

func TestSubmitDoesNotSpinBetweenTwoThatSendItToEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := says(sends("b:1")), says(sends("a:1"))
		s := block
		s.Timeout = 10 * time.Second
		answer, err := submitTo(t, s, a, b)
		if err != nil || answer.Decision != Unknown || !strings.Contains(answer.Reason, "does not lead, and sends to") {
			t.Errorf("answer %+v, error %v", answer, err)
		}
		if n := len(a.calls) + len(b.calls); n > 150 {
			t.Errorf("%d calls in 10 s", n)
		}
	})
}

// A block may have been taken up by the coordinator that leads no more.
func TestSubmitRefusedAfterALeaderWasLostIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer, err := submitTo(t, block, says(sends(""), fails(codes.FailedPrecondition, "quarantined")))
		if err != nil || answer.Decision != Unknown {
			t.Errorf("answer %+v, error %v", answer, err)
		}
	})
}

// asking asks, and notes who was asked.
func asking(c *Coordinator, order *[]string, answers map[string]func() error) (string, error) {
	return ask(context.Background(), c, func(_ context.Context, p *peer) (string, error) {
		*order = append(*order, p.address)
		return p.address, answers[p.address]()
	})
}

func down() error { return status.Error(codes.Unavailable, "connection refused") }

func TestReadsFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		c := of(says(), says(), says())
		answers := map[string]func() error{"a:1": down, "b:1": func() error { return wire.NotLeader("c:1", "") }, "c:1": func() error { return nil }}
		for range 2 {
			if by, err := asking(c, &order, answers); err != nil || by != "c:1" {
				t.Errorf("%s answers, %v", by, err)
			}
		}
		if got := fmt.Sprint(order); got != "[a:1 b:1 c:1 c:1]" {
			t.Errorf("asked %s", got)
		}
	})
}

func TestReadsGiveUpWhenNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		start := time.Now()
		_, err := asking(of(says(), says()), &order, map[string]func() error{"a:1": down, "b:1": down})
		if err == nil || !strings.HasPrefix(err.Error(), "none of the 2 coordinators answers") || len(order) != 2 || time.Since(start) != 0 {
			t.Errorf("error %v after %s, asked %v", err, time.Since(start), order)
		}
	})
}

// As long as one answers, it is asked again, and whoever waits is told why.
func TestReadsWaitForALeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		start := time.Now()
		c := of(says(), says())
		told := 0
		c.OnRetry(func(why error, wait time.Duration) {
			told++
			if !strings.Contains(why.Error(), "no coordinator leads for now") || wait > mostLeaderDelay {
				t.Errorf("told %v, waits %s", why, wait)
			}
		})
		leads := func() error {
			if time.Since(start) < 3*time.Second {
				return wire.NotLeader("", "it does not lead")
			}
			return nil
		}
		by, err := asking(c, &order, map[string]func() error{"a:1": leads, "b:1": down})
		if took := time.Since(start); err != nil || by != "a:1" || took > 3*time.Second+2*mostLeaderDelay || told < 6 {
			t.Errorf("%s answers, %v after %s, told %d times", by, err, took, told)
		}
	})
}

func TestReadsWaitNoLongerThanTheyMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		_, err := ask(ctx, of(says()), func(context.Context, *peer) (int, error) { return 0, wire.NotLeader("", "c1 does not lead") })
		if err == nil || !strings.HasPrefix(err.Error(), "no coordinator leads for now, says the coordinator at a:1 (c1 does not lead)") || time.Since(start) != 10*time.Second {
			t.Errorf("error %v after %s", err, time.Since(start))
		}
	})
}

// Addresses that coordinators name are remembered within a bound.
func TestFollowIsBounded(t *testing.T) {
	c, err := NewCoordinator("127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 * mostFound {
		if followed := c.follow(fmt.Sprintf("127.0.0.1:%d", i+2)); followed != (i < mostFound) {
			t.Errorf("address %d: %v", i, followed)
		}
	}
	if c.follow("no address") || !c.follow("127.0.0.1:1") || c.preferred().address != "127.0.0.1:1" {
		t.Error("follows to no address, or not to one of the list")
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
