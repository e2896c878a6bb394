package client_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/clustertest"
	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

func connect(t *testing.T, o client.Options, addresses ...string) *client.Client {
	t.Helper()
	c, err := client.New(addresses, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// three transactions, of which the stub lets the last fail.
func three() []protocol.Transaction {
	one := protocol.NewTransaction(nil, []protocol.Access{{Key: []byte("k"), Mode: protocol.Read}})
	return []protocol.Transaction{one, one, one}
}

func TestSubmitGivesWhatWasDecided(t *testing.T) {
	s := clustertest.Start(t)
	c := connect(t, client.Options{}, s.Address)
	r, err := c.Submit(t.Context(), "batch 1", three())
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.Submit(t.Context(), "batch 1", three())
	if err != nil || again.Root != r.Root {
		t.Errorf("asked again: %+v, %v", again, err)
	}
	if r.Key != "batch 1" || r.Height != 1 || r.Block != protocol.BlockID("batch 1", protocol.EncodeBody(three())) {
		t.Errorf("got %+v", r)
	}
	if len(r.Digests) != 2 || r.Root != protocol.ChainRoot(protocol.Digest{}, 1, r.Block, r.Digests) {
		t.Errorf("digests %v, root %v", r.Digests, r.Root)
	}
	if r.Outcomes.Len() != 3 || r.Outcomes.At(1) != "applied" || r.Outcomes.At(2) != "insufficient_funds" {
		t.Errorf("outcomes %+v", r.Outcomes)
	}
}

// TestErrorsSayWhatIsKnown: whether the block changed something is told by the kind
// of the error, and by no other.
func TestErrorsSayWhatIsKnown(t *testing.T) {
	kinds := []error{client.ErrAborted, client.ErrRefused, client.ErrUnknown}
	for _, test := range []struct {
		name  string
		step  clustertest.Step
		kind  error
		words string
	}{
		{"aborted", clustertest.Decide(wirepb.Decision_DECISION_ABORTED, "a shard is away"), client.ErrAborted, "a shard is away"},
		{"rejected", clustertest.Decide(wirepb.Decision_DECISION_REJECTED, "the machine panicked"), client.ErrAborted, "the machine panicked"},
		{"nonsense", clustertest.Fail(codes.InvalidArgument, "too many keys"), client.ErrRefused, "too many keys"},
		{"a key of another block", clustertest.Fail(codes.AlreadyExists, "other content"), client.ErrRefused, "other content"},
		{"unknown", clustertest.Decide(wirepb.Decision_DECISION_UNKNOWN, "it stops"), client.ErrUnknown, "submit it again"},
		{"broken connections", clustertest.Cut, client.ErrUnknown, "submit it again"},
		{"an answer that is none", func(context.Context, *clustertest.Server, *wirepb.SubmitBlockRequest) (*wirepb.SubmitBlockResponse, error) {
			return &wirepb.SubmitBlockResponse{Decision: wirepb.Decision_DECISION_COMMITTED, Block: &wirepb.Block{Outcomes: &wirepb.Outcomes{Codes: []byte{9}}}}, nil
		}, client.ErrUnknown, "another version"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := clustertest.Start(t)
			s.Rest = test.step
			c := connect(t, client.Options{Timeout: 300 * time.Millisecond}, s.Address)
			r, err := c.Submit(t.Context(), "batch", three())
			for _, kind := range kinds {
				if errors.Is(err, kind) != (kind == test.kind) {
					t.Errorf("is %v, want %v only: %v", kind, test.kind, err)
				}
			}
			var of *client.BlockError
			if !errors.As(err, &of) || of.Key != "batch" || !strings.Contains(err.Error(), test.words) || r.Height != 0 {
				t.Errorf("got %+v, %v", r, err)
			}
		})
	}
}

func TestABlockIsNotSentAfterItsContextHasEnded(t *testing.T) {
	s := clustertest.Start(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := connect(t, client.Options{}, s.Address).Submit(ctx, "batch", three())
	if !errors.Is(err, client.ErrAborted) || !errors.Is(err, context.Canceled) || s.Calls() != 0 {
		t.Errorf("%d calls, %v", s.Calls(), err)
	}
}

// TestTheDeadlineLeavesTimeForTheAnswer: the coordinator withdraws a block before the
// client gives up.
func TestTheDeadlineLeavesTimeForTheAnswer(t *testing.T) {
	s := clustertest.Start(t)
	var told time.Duration
	s.Rest = func(_ context.Context, _ *clustertest.Server, in *wirepb.SubmitBlockRequest) (*wirepb.SubmitBlockResponse, error) {
		told = time.Duration(in.GetTimeoutMs()) * time.Millisecond
		return &wirepb.SubmitBlockResponse{Decision: wirepb.Decision_DECISION_ABORTED, Reason: "late"}, nil
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := connect(t, client.Options{}, s.Address).Submit(ctx, "batch", three())
	if !errors.Is(err, client.ErrAborted) || told < 15*time.Second || told > 19*time.Second {
		t.Errorf("told %s, %v", told, err)
	}
}

func TestBlocksInOrder(t *testing.T) {
	s := clustertest.Start(t)
	s.Steps = []clustertest.Step{clustertest.Commit, clustertest.CommitAndCut, clustertest.Commit, clustertest.Commit}
	s.Rest = clustertest.Decide(wirepb.Decision_DECISION_ABORTED, "late")
	c := connect(t, client.Options{}, s.Address)
	blocks := make(chan client.Block)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for _, key := range numbered(9) {
			select {
			case blocks <- client.Block{Key: key, Transactions: three()}:
			case <-ctx.Done():
			}
		}
		close(blocks)
	}()
	var landed []string
	var last error
	err := c.SubmitInOrder(ctx, blocks, 2, func(key string, r client.Result, err error) error {
		landed, last = append(landed, key), err
		if err == nil && r.Key != key {
			t.Errorf("block %q lands as %+v", key, r)
		}
		return nil
	})
	if err != nil || !errors.Is(last, client.ErrAborted) || !slices.Equal(landed, numbered(len(landed))) || len(landed) < 3 {
		t.Errorf("landed %q, the last %v, %v", landed, last, err)
	}
}

// TestAFeedThatRunsDry: the end of ctx is told, also while no block waits.
func TestAFeedThatRunsDry(t *testing.T) {
	s := clustertest.Start(t)
	c := connect(t, client.Options{}, s.Address)
	blocks := make(chan client.Block, 1)
	blocks <- client.Block{Key: "only", Transactions: three()}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	landed := 0
	err := c.SubmitInOrder(ctx, blocks, 2, func(_ string, _ client.Result, err error) error {
		if landed++; err != nil {
			t.Error(err)
		}
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || landed != 1 {
		t.Errorf("%d blocks landed, %v", landed, err)
	}
}

func TestGetReadsAtOneHeight(t *testing.T) {
	s := clustertest.Start(t)
	s.Cluster.Height, s.State["k"] = 7, []byte("v")
	c := connect(t, client.Options{}, s.Address)
	got, err := c.Get(t.Context(), 0, []byte("k"), []byte("none"))
	want := []client.Value{{Bytes: []byte("v"), Present: true}, {}}
	if err != nil || got.Height != 7 || !slices.EqualFunc(got.Values, want, func(a, b client.Value) bool { return string(a.Bytes) == string(b.Bytes) && a.Present == b.Present }) {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := c.Get(t.Context(), 8, []byte("k")); err == nil || errors.Is(err, client.ErrUnavailable) {
		t.Errorf("of a height to come: %v", err)
	}
	if now, err := c.Status(t.Context()); err != nil || now.GetHeight() != 7 {
		t.Errorf("status %v, %v", now, err)
	}
}

func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c := connect(t, client.Options{Timeout: 2 * time.Second}, l.Addr().String())
	if _, err := c.Get(t.Context(), 0, []byte("k")); !errors.Is(err, client.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if _, err := client.New([]string{"nowhere"}, client.Options{}); err == nil {
		t.Error("an address without a port is taken")
	}
}

// TestWatchGoesOn: streams break after two blocks, the first coordinator sends the
// client on, and no block is left out or told twice.
func TestWatchGoesOn(t *testing.T) {
	leader, other := clustertest.Start(t), clustertest.Start(t)
	other.Leader = leader.Address
	writer := connect(t, client.Options{}, leader.Address)
	for _, key := range numbered(7) {
		if _, err := writer.Submit(t.Context(), key, three()); err != nil {
			t.Fatal(err)
		}
	}
	retries := 0
	c := connect(t, client.Options{Retrying: func(error, time.Duration) { retries++ }}, other.Address, leader.Address)
	enough := errors.New("enough")
	var seen []string
	err := c.Watch(t.Context(), 3, func(r client.Result) error {
		if seen = append(seen, r.Key); r.Height == 7 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || !slices.Equal(seen, numbered(7)[2:]) || retries == 0 {
		t.Errorf("seen %q in %d retries, %v", seen, retries, err)
	}
}

// TestWatchFromTheNextBlock: those that come while no stream stands are told too.
func TestWatchFromTheNextBlock(t *testing.T) {
	s := clustertest.Start(t)
	c := connect(t, client.Options{}, s.Address)
	if _, err := c.Submit(t.Context(), "old", three()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c = connect(t, client.Options{Retrying: func(error, time.Duration) {
		if len(s.Blocks()) == 1 { // the stream broke before any block came
			s.Add(&wirepb.Block{Key: "new", Height: 2, BlockId: make([]byte, 32), Root: make([]byte, 32)})
		}
	}}, s.Address)
	var seen []string
	err := c.Watch(ctx, 0, func(r client.Result) error {
		seen = append(seen, r.Key)
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || !slices.Equal(seen, []string{"new"}) {
		t.Errorf("seen %q, %v", seen, err)
	}
}

func TestWatchRefusesGaps(t *testing.T) {
	s := clustertest.Start(t)
	s.Add(&wirepb.Block{Height: 5, BlockId: make([]byte, 32), Root: make([]byte, 32)})
	err := connect(t, client.Options{}, s.Address).Watch(t.Context(), 1, func(client.Result) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "another version") {
		t.Errorf("got %v", err)
	}
}
