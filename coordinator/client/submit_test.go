package client

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

var block = Submission{Key: "46147", Body: []byte("body"), Timeout: time.Minute}

func submitTo(t *testing.T, s Submission, stubs ...*stub) (Answer, error) {
	t.Helper()
	return of(stubs...).Submit(t.Context(), s)
}

// Whatever may go away by itself is tried again, under the same key and with
// the same content, and the answer in the end is the true one.
func TestSubmitTriesAgain(t *testing.T) {
	for _, test := range []struct {
		name  string
		first reply
	}{
		{"connection refused", fails(codes.Unavailable, "connection refused")},
		{"overloaded", overloaded(0)},
		{"stepped down", fails(codes.Aborted, "a higher epoch exists")},
		{"server's own deadline", fails(codes.DeadlineExceeded, "")},
		{"fault of the server", fails(codes.Internal, "panic")},
		{"gave up", fails(codes.Canceled, "stopping")},
		{"cannot tell", decides(wirepb.Decision_DECISION_UNKNOWN, "the coordinator has stepped down")},
		{"no decision", decides(wirepb.Decision_DECISION_UNSPECIFIED, "")},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := says(test.first, test.first, test.first, committed)
				answer, err := submitTo(t, block, s)
				if err != nil || answer.Decision != Committed || answer.Block.GetHeight() != 7 {
					t.Fatalf("answer %+v, error %v", answer, err)
				}
				if len(s.calls) != 4 {
					t.Errorf("%d calls, want 4", len(s.calls))
				}
				for _, c := range s.calls {
					if c.key != "46147" || c.body != "body" {
						t.Errorf("sent block %q with %q", c.key, c.body)
					}
					if left := time.Minute - c.at; c.timeout != left.Truncate(time.Millisecond) {
						t.Errorf("after %s the coordinator may wait for %s, want %s", c.at, c.timeout, left)
					}
				}
			})
		})
	}
}

func TestSubmitWaitsAsLongAsItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := says(overloaded(10*time.Second), committed)
		submitTo(t, block, s)
		if got := s.calls[1].at; got != 10*time.Second {
			t.Errorf("came back after %s", got)
		}
	})
}

func TestDelaysGrowWithinBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := says(fails(codes.Unavailable, ""))
		submitTo(t, block, s)
		for i := 1; i < len(s.calls)-1; i++ {
			ceiling := min(firstDelay<<min(i-1, 10), mostDelay)
			if gap := s.calls[i].at - s.calls[i-1].at; gap < ceiling/2 || gap > ceiling {
				t.Errorf("delay %d is %s, want %s to %s", i, gap, ceiling/2, ceiling)
			}
		}
		if last := s.calls[len(s.calls)-1].at; last != time.Minute {
			t.Errorf("the last call is after %s, want at the deadline", last)
		}
	})
}

func TestSubmitGoesToTheNextCoordinator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down, up := says(fails(codes.Unavailable, "")), says(committed)
		c := of(down, up)
		for range 3 {
			if answer, err := c.Submit(t.Context(), block); err != nil || answer.Decision != Committed {
				t.Fatalf("answer %+v, error %v", answer, err)
			}
		}
		if len(down.calls) != 1 || len(up.calls) != 3 {
			t.Errorf("%d and %d calls, want 1 and 3", len(down.calls), len(up.calls))
		}
	})
}

// A block that is refused for what it is changed nothing, whatever happened to
// the requests before.
func TestSubmitRefused(t *testing.T) {
	for _, code := range []codes.Code{codes.InvalidArgument, codes.AlreadyExists} {
		synctest.Test(t, func(t *testing.T) {
			s := says(fails(codes.Unavailable, ""), fails(code, "block key \"46147\" belongs to a block with other content"))
			_, err := submitTo(t, block, s)
			if err == nil || !strings.Contains(err.Error(), "the coordinator at a:1 answers: block key") {
				t.Errorf("%s: error %v", code, err)
			}
		})
	}
}

func TestSubmitRefusedAtTheDoor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := says(fails(codes.Unimplemented, "unknown service"))
		_, err := submitTo(t, block, s)
		if err == nil || !strings.Contains(err.Error(), "the server at a:1 is no coordinator of this version") || len(s.calls) != 1 {
			t.Errorf("error %v after %d calls", err, len(s.calls))
		}
	})
}

// The same refusal after a request that may have been taken up proves nothing.
func TestSubmitRefusedAfterALostAnswerIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := says(fails(codes.Unavailable, "connection reset"), fails(codes.FailedPrecondition, "quarantined"))
		answer, err := submitTo(t, block, s)
		if err != nil || answer.Decision != Unknown || !strings.Contains(answer.Reason, "quarantined") || len(s.calls) != 2 {
			t.Errorf("answer %+v, error %v after %d calls", answer, err, len(s.calls))
		}
	})
}

func TestSubmitRefusedAfterOverloadIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := says(overloaded(time.Second), fails(codes.FailedPrecondition, "quarantined"))
		if _, err := submitTo(t, block, s); err == nil {
			t.Error("a block that was never taken up is not known to be refused")
		}
	})
}

func TestSubmitAborted(t *testing.T) {
	for _, d := range []wirepb.Decision{wirepb.Decision_DECISION_ABORTED, wirepb.Decision_DECISION_REJECTED} {
		synctest.Test(t, func(t *testing.T) {
			s := says(decides(d, "the deadline passed"))
			answer, err := submitTo(t, block, s)
			if err != nil || answer.Decision != Aborted || answer.Reason != "the deadline passed" || len(s.calls) != 1 {
				t.Errorf("answer %+v, error %v after %d calls", answer, err, len(s.calls))
			}
		})
	}
}

func TestSubmitUnknownAtTheDeadline(t *testing.T) {
	for _, test := range []struct {
		name string
		say  reply
		took time.Duration
		want string
	}{
		{"unreachable", fails(codes.Unavailable, ""), time.Minute, `cannot reach the coordinator at a:1: is it running? start it with "lockstep coordinator", or give --coordinator`},
		{"cannot tell", decides(wirepb.Decision_DECISION_UNKNOWN, "it lost its role"), time.Minute, "it lost its role"},
		{"silent", silent, time.Minute + answerGrace, "did not answer in time"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				answer, err := submitTo(t, block, says(test.say))
				if err != nil || answer.Decision != Unknown || !strings.Contains(answer.Reason, test.want) {
					t.Errorf("answer %+v, error %v", answer, err)
				}
				if took := time.Since(start); took != test.took {
					t.Errorf("gave up after %s, want %s", took, test.took)
				}
			})
		})
	}
}

// An interrupt does not turn an open question into an answer.
func TestSubmitInterrupted(t *testing.T) {
	for _, say := range []reply{silent, fails(codes.Unavailable, "")} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(10*time.Second, cancel)
			start := time.Now()
			answer, err := of(says(say)).Submit(ctx, block)
			if err != nil || answer.Decision != Unknown || time.Since(start) != 10*time.Second {
				t.Errorf("answer %+v, error %v after %s", answer, err, time.Since(start))
			}
		})
	}
}

func TestSubmitTellsWhyItTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []error
		s := block
		s.Retrying = func(why error, wait time.Duration) { told = append(told, why) }
		submitTo(t, s, says(fails(codes.Unavailable, ""), overloaded(0), committed))
		if err := errors.Join(told...); len(told) != 2 ||
			!strings.Contains(err.Error(), "cannot reach the coordinator at a:1") || !strings.Contains(err.Error(), "8 blocks are waiting already") {
			t.Errorf("told %v", told)
		}
	})
}
