package coordinator

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

func TestSubmitBlock(t *testing.T) {
	f := newOffice(t, Options{})
	newPuppet(t, f)
	f.commits("a", 1)
	f.commits("b", 2)
	f.commits("a", 1) // the first result
	_, err := f.client.SubmitBlock(context1(t), request("a", 0, message("other", "k")))
	wantCode(t, err, codes.AlreadyExists)
	for name, in := range map[string]*wirepb.SubmitBlockRequest{
		"no key":          request("", 0, message("", "k")),
		"no content":      {Key: "c"},
		"no transactions": request("c", 0),
		"no access":       request("c", 0, message("")),
		"a reserved key":  request(streamKeys+"1/1", 0, message("", "k")),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := f.client.SubmitBlock(context1(t), in)
			wantCode(t, err, codes.InvalidArgument)
		})
	}
	f.commits("c", 3)
}

func TestTheSameBlockFromManyClientsIsDecidedOnce(t *testing.T) {
	f := newOffice(t, Options{})
	newPuppet(t, f)
	heights := make(chan uint64, 20)
	for range cap(heights) {
		go func() {
			out, err := f.submits("a", patience)
			if err != nil {
				t.Error(err)
			}
			heights <- out.GetBlock().GetHeight()
		}()
	}
	for range cap(heights) {
		if h := receive(t, "an answer", heights); h != 1 {
			t.Errorf("height %d", h)
		}
	}
}

func TestATooLongWaitWithdrawsTheBlock(t *testing.T) {
	f := newOffice(t, Options{})
	out, err := f.submits("a", 50*time.Millisecond)
	if err != nil || out.Decision != wirepb.Decision_DECISION_ABORTED || !strings.Contains(out.Reason, "not connected") {
		t.Fatalf("got %v, %v", out, err)
	}
	if f.Ready() == nil {
		t.Error("ready without shards")
	}
	f.restart() // what was withdrawn stays so
	newPuppet(t, f)
	f.commits("b", 1)
	f.commits("a", 2)
	if err := f.Ready(); err != nil {
		t.Error(err)
	}
}

func TestABlockThatIsRefusedForGoodIsRejected(t *testing.T) {
	f := newOffice(t, Options{})
	p := newPuppet(t, f)
	p.set(func(p *puppet) { p.refuse = &protocol.Refusal{Reason: "machine panicked"} })
	out, err := f.submits("a", patience)
	if err != nil || out.Decision != wirepb.Decision_DECISION_REJECTED || !strings.Contains(out.Reason, "machine panicked") {
		t.Fatalf("got %v, %v", out, err)
	}
	p.set(func(p *puppet) { p.refuse = nil })
	f.commits("a", 1)
}

func TestAFullQueueTurnsClientsAway(t *testing.T) {
	f := newOffice(t, Options{Protocol: protocol.CoordinatorOptions{QueueBlocks: 1}})
	first := make(chan error, 1)
	go func() {
		_, err := f.submits("a", patience)
		first <- err
	}()
	eventually(t, "a block waits", func() bool { return f.Status().Queued == 1 })
	_, err := f.submits("b", patience)
	wantCode(t, err, codes.ResourceExhausted)
	wait := time.Duration(0)
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			wait = info.RetryDelay.AsDuration()
		}
	}
	if wait != retryAfter {
		t.Errorf("told to wait %v", wait)
	}
	newPuppet(t, f)
	if err := receive(t, "the first answer", first); err != nil {
		t.Error(err)
	}
	f.commits("b", 2)
}

// TestUndecidedBlocksRunAgain is C6, and C5's "unknown": the coordinator stops
// after it proposed and before it decided.
func TestUndecidedBlocksRunAgain(t *testing.T) {
	f := newOffice(t, Options{})
	p := newPuppet(t, f)
	f.commits("a", 1)
	p.set(func(p *puppet) { p.idle = true })
	answers := make(chan *wirepb.SubmitBlockResponse, 1)
	go func() {
		out, err := f.submits("b", patience)
		if err != nil {
			t.Error(err)
		}
		answers <- out
	}()
	eventually(t, "the attempt is on its way", func() bool { return p.holds() == 1 })
	if err := f.stop(); err != nil {
		t.Fatal(err)
	}
	out := receive(t, "an answer", answers)
	if out.GetDecision() != wirepb.Decision_DECISION_UNKNOWN || out.GetReason() == "" {
		t.Errorf("got %v", out)
	}
	p.set(func(p *puppet) { p.idle = false })
	f.start()
	if epoch := f.Status().Epoch; epoch != 2 {
		t.Errorf("epoch %d", epoch)
	}
	f.commits("b", 2) // run again, or asked for again: the one true answer
	f.commits("c", 3)
}

// TestTheFirstResultComesFromTheHistory: neither memory nor log hold it any
// more.
func TestTheFirstResultComesFromTheHistory(t *testing.T) {
	f := newOffice(t, Options{})
	newPuppet(t, f)
	for h := range uint64(5) {
		f.commits(fmt.Sprint("block", h+1), h+1)
	}
	eventually(t, "the history has them", func() bool { return f.replica.History().Height() == 5 && f.Status().Kept == 5 })
	if err := f.replica.Snapshot(); err != nil {
		t.Fatal(err)
	}
	f.commits("block1", 1)
	f.restart()
	f.commits("block1", 1)
	f.commits("block5", 5)
	_, err := f.client.SubmitBlock(context1(t), request("block1", 0, message("other", "k")))
	wantCode(t, err, codes.AlreadyExists)
	f.commits("block6", 6)
}

func TestBlocksAreFoundAndListed(t *testing.T) {
	f := newOffice(t, Options{})
	newPuppet(t, f)
	for h := range uint64(4) {
		f.commits(fmt.Sprint("block", h+1), h+1)
	}
	byKey, err := f.client.GetBlock(context1(t), &wirepb.GetBlockRequest{By: &wirepb.GetBlockRequest_Key{Key: "block3"}})
	if err != nil || byKey.Block.Height != 3 {
		t.Errorf("got %v, %v", byKey, err)
	}
	byHeight, err := f.client.GetBlock(context1(t), &wirepb.GetBlockRequest{By: &wirepb.GetBlockRequest_Height{Height: 2}})
	if err != nil || byHeight.Block.Key != "block2" {
		t.Errorf("got %v, %v", byHeight, err)
	}
	for _, in := range []*wirepb.GetBlockRequest{
		{By: &wirepb.GetBlockRequest_Key{Key: "block9"}}, {By: &wirepb.GetBlockRequest_Height{Height: 9}}, {By: &wirepb.GetBlockRequest_Height{}},
	} {
		_, err := f.client.GetBlock(context1(t), in)
		wantCode(t, err, codes.NotFound)
	}
	_, err = f.client.GetBlock(context1(t), &wirepb.GetBlockRequest{})
	wantCode(t, err, codes.InvalidArgument)
	for _, test := range []struct {
		from  uint64
		limit uint32
		want  []uint64
	}{{0, 0, []uint64{1, 2, 3, 4}}, {0, 2, []uint64{3, 4}}, {2, 2, []uint64{2, 3}}, {4, 10, []uint64{4}}, {5, 10, nil}} {
		out, err := f.client.ListBlocks(context1(t), &wirepb.ListBlocksRequest{FromHeight: test.from, Limit: test.limit})
		var got []uint64
		for _, b := range out.GetBlocks() {
			got = append(got, b.Height)
		}
		if err != nil || fmt.Sprint(got) != fmt.Sprint(test.want) || out.Height != 4 {
			t.Errorf("from %d, at most %d: %v, %v", test.from, test.limit, got, err)
		}
	}
	out, err := f.client.Status(context1(t), &wirepb.StatusRequest{})
	if err != nil || out.Status.Height != 4 {
		t.Errorf("status %v, %v", out, err)
	}
}

// TestWatchHasNoGaps: while blocks move from memory into the history.
func TestWatchHasNoGaps(t *testing.T) {
	f := newOffice(t, Options{})
	newPuppet(t, f)
	f.commits("block1", 1)
	stream, err := f.client.Watch(context1(t), &wirepb.WatchRequest{FromHeight: 1})
	if err != nil {
		t.Fatal(err)
	}
	const heights = 60
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for h := uint64(2); h <= heights; h++ {
			if out, err := f.submits(fmt.Sprint("block", h), patience); err != nil || out.GetBlock().GetHeight() != h {
				t.Errorf("block %d: %v, %v", h, out, err)
				return
			}
		}
	}()
	for h := uint64(1); h <= heights; h++ {
		got, err := stream.Recv()
		if err != nil || got.Block.Height != h || got.Block.Key != fmt.Sprint("block", h) {
			t.Fatalf("got %v, %v, want height %d", got, err, h)
		}
	}
	<-ended
	fresh, err := f.client.Watch(context1(t), &wirepb.WatchRequest{}) // from the next one on
	if err != nil {
		t.Fatal(err)
	}
	if err := f.stop(); err != nil {
		t.Fatal(err)
	}
	_, err = fresh.Recv()
	wantCode(t, err, codes.Unavailable)
}

// doubtful is a log that cannot find out once whether this incarnation owns it.
type doubtful struct {
	DecisionLog
	asked bool
}

func (d *doubtful) Confirm() error {
	if d.asked {
		return d.DecisionLog.Confirm()
	}
	d.asked = true
	return fmt.Errorf("%w: no majority answered", ErrFenced)
}

// TestALeaderThatCannotConfirmBeginsAnew: a disk that is slow for a while keeps the
// member from confirming that it leads, and it still does. Nobody else would.
func TestALeaderThatCannotConfirmBeginsAnew(t *testing.T) {
	f := newOffice(t, Options{})
	newPuppet(t, f)
	f.commits("a", 1)
	if err := f.stop(); err != nil {
		t.Fatal(err)
	}
	f.opened = func(c *Coordinator) { c.first.core.log = &doubtful{DecisionLog: c.first.core.log} }
	f.start()
	eventually(t, "another incarnation", func() bool { return f.Status().Epoch == 3 })
	f.commits("b", 2)
	if err := f.Ready(); err != nil {
		t.Error(err)
	}
}

// TestAReplacedDirectoryFences is C1: whoever holds the directory now decides. The
// process ends, so that others, if there are any, elect another leader.
func TestAReplacedDirectoryFences(t *testing.T) {
	f := newOffice(t, Options{})
	p := newPuppet(t, f)
	f.commits("a", 1)
	p.set(func(p *puppet) { p.idle = true })
	answers := make(chan *wirepb.SubmitBlockResponse, 1)
	go func() {
		out, err := f.submits("b", patience)
		if err != nil {
			t.Error(err)
		}
		answers <- out
	}()
	eventually(t, "the attempt is on its way", func() bool { return p.holds() == 1 })
	log := filepath.Join(f.options.Directory, replica.LogDirectory)
	if err := os.Rename(log, log+"-moved"); err != nil {
		t.Fatal(err)
	}
	if out := receive(t, "an answer", answers); out.GetDecision() != wirepb.Decision_DECISION_UNKNOWN {
		t.Errorf("got %v", out)
	}
	<-f.replica.Failed()
	if err := f.stop(); !errors.Is(err, ErrStopped) || !strings.Contains(err.Error(), "moved or replaced") {
		t.Errorf("Run ended with %v", err)
	}
}

func TestDirectoriesThatDoNotFitAreRefused(t *testing.T) {
	f := newOffice(t, Options{})
	if _, err := Open(f.options); err == nil {
		t.Error("opened twice")
	}
	newPuppet(t, f)
	f.commits("a", 1)
	if err := f.stop(); err != nil {
		t.Fatal(err)
	}
	refused := func(words string, change func(*Options)) {
		t.Helper()
		o := f.options
		change(&o)
		c, err := Open(o)
		if err == nil {
			c.Close()
		}
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("got %v, want a refusal with %q", err, words)
		}
	}
	refused("--shards 1", func(o *Options) { o.Shards = 2 })
	refused("--shards", func(o *Options) { o.Directory, o.Shards = t.TempDir(), 0 })
	log, aside := filepath.Join(f.options.Directory, replica.LogDirectory), filepath.Join(t.TempDir(), "aside")
	if err := os.Rename(log, aside); err != nil {
		t.Fatal(err)
	}
	refused("no log", func(*Options) {})
	if err := os.Rename(aside, log); err != nil {
		t.Fatal(err)
	}
	f.start()
	f.commits("a", 1)
}

// TestForgettingNeedsNoPlaceInTheInbox: the loop that forgets is the one that
// empties it.
func TestForgettingNeedsNoPlaceInTheInbox(t *testing.T) {
	f := newOffice(t, Options{})
	newPuppet(t, f)
	f.commits("a", 1)
	eventually(t, "the decision is in the history", func() bool { return f.Status().Kept == 1 })
	if err := f.stop(); err != nil {
		t.Fatal(err)
	}
	c, err := Open(f.options)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	in := c.first
	d, _, err := in.core.Decision(1)
	if err != nil {
		t.Fatal(err)
	}
	in.core.archive.Decided([]*protocol.Decision{d}) // as of one that the history got just now
	for range cap(in.inbox) {
		in.inbox <- protocol.Tick{}
	}
	forgot := make(chan error, 1)
	go func() {
		in.core.Forget()
		forgot <- nil
	}()
	if err := receive(t, "the end of Forget", forgot); err != nil || len(in.own) != 1 {
		t.Errorf("%d events, %v", len(in.own), err)
	}
}
