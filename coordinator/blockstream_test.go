package coordinator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// blocksCall is a stream of blocks, as a client has it.
type blocksCall struct {
	t      *testing.T
	stream wirepb.CoordinatorService_SubmitBlocksClient
	cancel func()
}

func (f *office) blocks() *blocksCall {
	f.t.Helper()
	ctx, cancel := context.WithCancel(context1(f.t))
	s, err := f.client.SubmitBlocks(ctx)
	if err != nil {
		f.t.Fatal(err)
	}
	return &blocksCall{f.t, s, cancel}
}

// submit sends a block of one transaction whose payload is its key.
func (c *blocksCall) submit(key string, timeout time.Duration, after string) {
	c.t.Helper()
	in := request(key, timeout, message(key, "k"))
	in.After = after
	if err := c.stream.Send(in); err != nil && !errors.Is(err, io.EOF) { // EOF: it has ended, and Recv says why
		c.t.Fatal(err)
	}
}

func (c *blocksCall) close() {
	c.t.Helper()
	if err := c.stream.CloseSend(); err != nil {
		c.t.Fatal(err)
	}
}

// wants reads the answer for a block.
func (c *blocksCall) wants(key string, want wirepb.Decision) *wirepb.SubmitBlockResponse {
	c.t.Helper()
	out, err := c.stream.Recv()
	if err != nil || out.Key != key || out.Result.GetDecision() != want {
		c.t.Fatalf("block %q, want %s: got %v, %v", key, want, out, err)
	}
	return out.Result
}

func (c *blocksCall) commits(key string, height uint64) {
	c.t.Helper()
	if out := c.wants(key, wirepb.Decision_DECISION_COMMITTED); out.Block.GetHeight() != height {
		c.t.Fatalf("block %q is committed at height %d, want %d", key, out.Block.GetHeight(), height)
	}
}

func (c *blocksCall) ends(code codes.Code) error {
	c.t.Helper()
	out, err := c.stream.Recv()
	switch {
	case code == codes.OK && errors.Is(err, io.EOF):
	case code == codes.OK || out != nil:
		c.t.Fatalf("want the end of the stream: %v, %v", out, err)
	default:
		wantCode(c.t, err, code)
	}
	return err
}

// holdsNothing: every byte that a call held is free again.
func (f *office) holdsNothing() {
	f.t.Helper()
	eventually(f.t, "no call holds anything", func() bool {
		free := f.calls.TryAcquire(f.callBytes)
		if free {
			f.calls.Release(f.callBytes)
		}
		return free
	})
}

// TestBlocksOfAStreamKeepTheirOrder, though the client waits for none of them, and
// though more are sent than the server takes up at once.
func TestBlocksOfAStreamKeepTheirOrder(t *testing.T) {
	f := newOffice(t, Options{})
	const n = 3 * streamBlocks
	c := f.blocks()
	for i := range n {
		c.submit(string(rune('A'+i)), patience, "")
	}
	eventually(t, "so many blocks wait", func() bool { return f.Status().Queued == streamBlocks })
	p := newPuppet(t, f)
	c.close()
	for i := range n {
		c.commits(string(rune('A'+i)), uint64(i+1))
	}
	c.ends(codes.OK)
	p.set(func(p *puppet) {
		if want := n + n - int('\u0080'-'A'); len(p.order) != want { // in UTF-8 the later keys have two bytes
			t.Errorf("executed %d bytes of payload, want %d", len(p.order), want)
		}
	})
	f.holdsNothing()
}

// TestASlowReaderHoldsNoBytes: what is decided is free, though its answer waits
// to be read.
func TestASlowReaderHoldsNoBytes(t *testing.T) {
	f := newOffice(t, Options{})
	newPuppet(t, f)
	c := f.blocks()
	for i := range 10 {
		c.submit(fmt.Sprint(i), patience, "")
	}
	eventually(t, "all are decided", func() bool { return f.now.Load().core.Height() == 10 })
	f.holdsNothing()
	c.close()
	for i := range 10 {
		c.commits(fmt.Sprint(i), uint64(i+1))
	}
	c.ends(codes.OK)
}

// TestABlockThatIsAbortedTakesTheLaterOnesAlong; no shard is there.
func TestABlockThatIsAbortedTakesTheLaterOnesAlong(t *testing.T) {
	f := newOffice(t, Options{})
	c := f.blocks()
	c.submit("a", 300*time.Millisecond, "")
	c.submit("b", patience, "")
	c.submit("c", patience, "")
	eventually(t, "all wait", func() bool { return f.Status().Queued == 3 })
	c.wants("a", wirepb.Decision_DECISION_ABORTED)
	c.ends(codes.OK)
	eventually(t, "none waits any more", func() bool { return f.Status().Queued == 0 })
	f.holdsNothing()
	newPuppet(t, f)
	f.commits("b", 1) // on its own it may
}

// TestARefusalComesAfterTheAnswersBeforeIt, and nothing behind it is taken up.
func TestARefusalComesAfterTheAnswersBeforeIt(t *testing.T) {
	f := newOffice(t, Options{})
	c := f.blocks()
	c.submit("a", patience, "")
	c.submit("", patience, "")
	c.submit("c", patience, "")
	eventually(t, "the first waits", func() bool { return f.Status().Queued == 1 })
	newPuppet(t, f)
	c.commits("a", 1)
	c.ends(codes.InvalidArgument)
	f.commits("d", 2)
	f.holdsNothing()
}

func TestAStreamIsToldOfAnOverload(t *testing.T) {
	f := newOffice(t, Options{Protocol: protocol.CoordinatorOptions{QueueBlocks: 1}})
	first, second := f.blocks(), f.blocks()
	first.submit("a", patience, "")
	eventually(t, "it waits", func() bool { return f.Status().Queued == 1 })
	second.submit("b", patience, "")
	if _, again := wire.RetryAfter(second.ends(codes.ResourceExhausted)); !again {
		t.Error("it is not told when to come back")
	}
	newPuppet(t, f)
	first.commits("a", 1)
	first.close()
	first.ends(codes.OK)
	f.holdsNothing()
}

func TestBlocksComeAfterOthers(t *testing.T) {
	f := newOffice(t, Options{})
	newPuppet(t, f)
	early := f.blocks()
	early.submit("b", patience, "a")
	early.ends(codes.FailedPrecondition)
	in := request("b", patience, message("b", "k"))
	in.After = "a"
	_, err := f.client.SubmitBlock(context1(t), in)
	wantCode(t, err, codes.FailedPrecondition)
	in.After = "b"
	_, err = f.client.SubmitBlock(context1(t), in)
	wantCode(t, err, codes.InvalidArgument)

	f.commits("a", 1)
	f.commits("x", 2)
	c := f.blocks()
	c.submit("b", patience, "a")
	c.submit("c", patience, "x")
	c.commits("b", 3)
	c.commits("c", 4)
	c.submit("c", patience, "")
	c.commits("c", 4)
	c.submit("d", patience, "")
	c.commits("d", 5)
}

// TestABlockDoesNotComeAfterAnotherWithTheSameKey: the second file has another
// first block, so its second block must not follow the one that is there.
func TestABlockDoesNotComeAfterAnotherWithTheSameKey(t *testing.T) {
	f := newOffice(t, Options{})
	for _, state := range []string{"waiting", "committed"} {
		if state == "committed" {
			newPuppet(t, f)
			f.commits("a", 1)
		} else {
			c := f.blocks()
			c.submit("a", patience, "")
			eventually(t, "it waits", func() bool { return f.Status().Queued == 1 })
		}
		c := f.blocks()
		if err := c.stream.Send(request("a", patience, message("other", "k"))); err != nil {
			t.Fatal(err)
		}
		c.submit("b", patience, "")
		c.ends(codes.AlreadyExists)
	}
	f.commits("c", 2)
}

// TestAStreamThatBreaksIsTakenUpAgain from the oldest block without an answer.
func TestAStreamThatBreaksIsTakenUpAgain(t *testing.T) {
	f := newOffice(t, Options{})
	c := f.blocks()
	for _, key := range []string{"a", "b", "c"} {
		c.submit(key, patience, "")
	}
	eventually(t, "all wait", func() bool { return f.Status().Queued == 3 })
	c.cancel()
	c.ends(codes.Canceled)
	f.holdsNothing()
	again := f.blocks()
	for _, key := range []string{"a", "b", "c", "d"} {
		again.submit(key, patience, "")
	}
	eventually(t, "one more waits", func() bool { return f.Status().Queued == 4 })
	newPuppet(t, f)
	for i, key := range []string{"a", "b", "c", "d"} {
		again.commits(key, uint64(i+1))
	}
	f.holdsNothing()
}

// TestStreamsOfBlocksEndWithTheCoordinator: one with a block under way does not
// know, one without is told to come back.
func TestStreamsOfBlocksEndWithTheCoordinator(t *testing.T) {
	f := newOffice(t, Options{})
	waits, idle := f.blocks(), f.blocks()
	idle.submit("", patience, "a")
	idle.ends(codes.InvalidArgument)
	idle = f.blocks()
	waits.submit("a", patience, "")
	waits.submit("b", patience, "")
	eventually(t, "both wait", func() bool { return f.Status().Queued == 2 })
	if err := f.stop(); err != nil {
		t.Fatal(err)
	}
	waits.wants("a", wirepb.Decision_DECISION_UNKNOWN)
	waits.ends(codes.OK)
	idle.ends(codes.Unavailable)
}
