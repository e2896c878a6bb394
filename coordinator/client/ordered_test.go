package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/clustertest"
	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

func dial(t *testing.T, addresses string) *client.Coordinator {
	t.Helper()
	c, err := client.NewCoordinator(addresses)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func numbered(n int) (keys []string) {
	for i := range n {
		keys = append(keys, fmt.Sprint("block", i))
	}
	return keys
}

// feed gives blocks of one transaction.
func feed(timeout time.Duration, keys ...string) <-chan client.Submission {
	body := protocol.EncodeBody([]protocol.Transaction{protocol.NewTransaction(nil, []protocol.Access{{Key: []byte("k"), Mode: protocol.Read}})})
	blocks := make(chan client.Submission, len(keys))
	for _, key := range keys {
		blocks <- client.Submission{Key: key, Body: body, Timeout: timeout}
	}
	close(blocks)
	return blocks
}

// inOrder submits and gives what landed.
func inOrder(t *testing.T, c *client.Coordinator, blocks <-chan client.Submission) (all []client.Landed) {
	t.Helper()
	if err := c.SubmitInOrder(t.Context(), blocks, 4, func(l client.Landed) error {
		all = append(all, l)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func wantCommitted(t *testing.T, s *clustertest.Server, all []client.Landed, keys ...string) {
	t.Helper()
	blocks := s.Blocks()
	if len(all) < len(keys) || len(blocks) != len(keys) {
		t.Fatalf("%d landed, %d are committed, want %d", len(all), len(blocks), len(keys))
	}
	for i, key := range keys {
		l := all[i]
		if l.Key != key || l.Err != nil || l.Answer.Decision != client.Committed || l.Answer.Block.GetHeight() != uint64(i+1) || blocks[i].GetKey() != key {
			t.Fatalf("block %d is %+v, want %q", i, l, key)
		}
	}
}

// TestInOrderThroughTrouble: whatever may go away by itself is tried again, and
// changes neither the order nor that every block is committed once.
func TestInOrderThroughTrouble(t *testing.T) {
	for name, steps := range map[string][]clustertest.Step{
		"none":        nil,
		"overload":    {clustertest.Commit, clustertest.Overloaded},
		"lost answer": {clustertest.Commit, clustertest.CommitAndCut, clustertest.CommitAndCut},
		"lost block":  {clustertest.Cut, clustertest.Commit, clustertest.Cut},
		"unknown":     {clustertest.Commit, clustertest.Decide(wirepb.Decision_DECISION_UNKNOWN, "stopped")},
		"failure":     {clustertest.Commit, clustertest.Commit, clustertest.Fail(codes.Internal, "panic")},
	} {
		t.Run(name, func(t *testing.T) {
			s := clustertest.Start(t)
			s.Steps = steps
			all := inOrder(t, dial(t, s.Address), feed(time.Minute, numbered(20)...))
			wantCommitted(t, s, all, numbered(20)...)
		})
	}
}

// TestInOrderNamesTheLastCommitted on every stream but the first, and lets the
// server know the others of the same stream.
func TestInOrderNamesTheLastCommitted(t *testing.T) {
	s := clustertest.Start(t)
	var after []string
	say := func(step clustertest.Step) clustertest.Step {
		return func(ctx context.Context, s *clustertest.Server, in *wirepb.SubmitBlockRequest) (*wirepb.SubmitBlockResponse, error) {
			after = append(after, in.GetAfter())
			return step(ctx, s, in)
		}
	}
	s.Steps = []clustertest.Step{say(clustertest.Commit), say(clustertest.Commit), say(clustertest.Overloaded)}
	s.Rest = say(clustertest.Commit)
	all := inOrder(t, dial(t, s.Address), feed(time.Minute, numbered(4)...))
	wantCommitted(t, s, all, numbered(4)...)
	if got := strings.Join(after, ","); got != ",,,block1," {
		t.Errorf("the blocks come after %q", got)
	}
}

// TestInOrderEndsWithTheFirstNotCommitted, and tells what became of it.
func TestInOrderEndsWithTheFirstNotCommitted(t *testing.T) {
	for _, test := range []struct {
		name     string
		step     clustertest.Step
		decision client.Decision
		says     string
	}{
		{"aborted", clustertest.Decide(wirepb.Decision_DECISION_ABORTED, "too late"), client.Aborted, "too late"},
		{"rejected", clustertest.Decide(wirepb.Decision_DECISION_REJECTED, "panic"), client.Aborted, "panic"},
		{"unknown", clustertest.Decide(wirepb.Decision_DECISION_UNKNOWN, "stopped"), client.Unknown, "no answer within 300ms: the coordinator cannot tell: stopped"},
		{"conflict", clustertest.Fail(codes.AlreadyExists, "other content"), "", "other content"},
		{"malformed", clustertest.Fail(codes.InvalidArgument, "no block"), "", "no block"},
		{"early", clustertest.Fail(codes.FailedPrecondition, "submit that one first"), "", "submit that one first"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := clustertest.Start(t)
			s.Steps, s.Rest = []clustertest.Step{clustertest.Commit, clustertest.Commit}, test.step
			all := inOrder(t, dial(t, s.Address), feed(300*time.Millisecond, numbered(9)...))
			if len(all) != 3 {
				t.Fatalf("%d landed, want 3", len(all))
			}
			wantCommitted(t, s, all[:2], numbered(2)...)
			said := all[2].Answer.Reason
			if all[2].Err != nil {
				said = all[2].Err.Error()
			}
			if all[2].Key != "block2" || all[2].Answer.Decision != test.decision || !strings.Contains(said, test.says) {
				t.Errorf("got %+v", all[2])
			}
		})
	}
}

// TestInOrderDoesNotWaitForever for a server that never answers.
func TestInOrderDoesNotWaitForever(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := clustertest.Start(t)
	s.Rest = func(ctx context.Context, _ *clustertest.Server, _ *wirepb.SubmitBlockRequest) (*wirepb.SubmitBlockResponse, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	told := 0
	err := dial(t, s.Address).SubmitInOrder(ctx, feed(time.Millisecond, numbered(3)...), 4, func(l client.Landed) error {
		if told++; l.Key != "block0" || l.Answer.Decision != client.Unknown {
			t.Errorf("got %+v", l)
		}
		return nil
	})
	if err != nil || told != 1 {
		t.Errorf("%d landed, error %v", told, err)
	}
}

// TestInOrderIsInterrupted with a block under way, whose outcome is unknown then,
// and without.
func TestInOrderIsInterrupted(t *testing.T) {
	s := clustertest.Start(t)
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan struct{}) // closed when the first block has landed
	s.Steps = []clustertest.Step{clustertest.Commit, func(ctx context.Context, _ *clustertest.Server, _ *wirepb.SubmitBlockRequest) (*wirepb.SubmitBlockResponse, error) {
		<-first
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	c, told := dial(t, s.Address), 0
	err := c.SubmitInOrder(ctx, feed(time.Minute, numbered(3)...), 4, func(l client.Landed) error {
		if told++; told == 1 {
			close(first)
		} else if l.Answer.Decision != client.Unknown || !strings.Contains(l.Answer.Reason, "interrupted") {
			t.Errorf("got %+v", l)
		}
		return nil
	})
	if err != nil || told != 2 {
		t.Errorf("%d landed, error %v", told, err)
	}
	if err := c.SubmitInOrder(ctx, make(chan client.Submission), 4, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestInOrderWaitsForTheFeed, over a stream that breaks meanwhile.
func TestInOrderWaitsForTheFeed(t *testing.T) {
	s := clustertest.Start(t)
	blocks, one := make(chan client.Submission), feed(time.Minute, numbered(2)...)
	go func() { blocks <- <-one }()
	var all []client.Landed
	err := dial(t, s.Address).SubmitInOrder(t.Context(), blocks, 4, func(l client.Landed) error {
		if all = append(all, l); len(all) == 1 {
			s.Cut()
			go func() {
				blocks <- <-one
				close(blocks)
			}()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wantCommitted(t, s, all, numbered(2)...)
}

// TestInOrderEndsWhenNobodyListens.
func TestInOrderEndsWhenNobodyListens(t *testing.T) {
	s, full := clustertest.Start(t), errors.New("no space left")
	err := dial(t, s.Address).SubmitInOrder(t.Context(), feed(time.Minute, numbered(9)...), 4, func(client.Landed) error { return full })
	if !errors.Is(err, full) {
		t.Errorf("error %v", err)
	}
}

// TestInOrderTriesTheNextCoordinator when one is not there.
func TestInOrderTriesTheNextCoordinator(t *testing.T) {
	s := clustertest.Start(t)
	all := inOrder(t, dial(t, "127.0.0.1:1,"+s.Address), feed(time.Minute, numbered(3)...))
	wantCommitted(t, s, all, numbered(3)...)
}
