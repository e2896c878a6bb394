package coordinator

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// desk is where an operator asks a coordinator.
func (f *office) desk() wirepb.OperatorServiceClient {
	f.t.Helper()
	conn, err := rpc.Dial(f.address)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { conn.Close() })
	return wirepb.NewOperatorServiceClient(conn)
}

func wish(key string, action wirepb.ResolveAction) *wirepb.ResolveInDoubtRequest {
	return &wirepb.ResolveInDoubtRequest{Key: key, Action: action, By: "ann@desk", Comment: "why not"}
}

const (
	resync  = wirepb.ResolveAction_RESOLVE_ACTION_RESYNC
	retry   = wirepb.ResolveAction_RESOLVE_ACTION_RETRY
	abandon = wirepb.ResolveAction_RESOLVE_ACTION_ABORT
)

// hangs has a block submitted that the shard does not execute, and waits until it
// is asked to. The answer comes over the channel.
func hangs(t *testing.T, f *office, p *puppet, key string) <-chan *wirepb.SubmitBlockResponse {
	t.Helper()
	p.set(func(p *puppet) { p.idle = true })
	before := p.holds()
	answers := make(chan *wirepb.SubmitBlockResponse, 1)
	go func() {
		out, _ := f.submits(key, patience)
		answers <- out
	}()
	eventually(t, "the shard is asked to execute", func() bool { return p.holds() > before })
	return answers
}

func listed(t *testing.T, f *office) *wirepb.ListInDoubtResponse {
	t.Helper()
	out, err := f.desk().ListInDoubt(context1(t), &wirepb.ListInDoubtRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAnOperatorGivesABlockUp(t *testing.T) {
	f := newOffice(t, Options{})
	p := newPuppet(t, f)
	f.commits("first", 1)
	if out := listed(t, f); len(out.Blocks) != 0 || len(out.Unseen) != 1 {
		t.Fatalf("nothing is in doubt: %v", out)
	}
	answer := hangs(t, f, p, "stuck")
	out := listed(t, f)
	if len(out.Blocks) != 1 || out.Blocks[0].Key != "stuck" || out.Blocks[0].Height != 2 || !out.Blocks[0].ByItself || out.Blocks[0].Clients != 1 ||
		!strings.Contains(out.Blocks[0].Reason, "vote of shard 0") {
		t.Fatalf("listed %v", out)
	}
	would := wish("stuck", abandon)
	would.DryRun = true
	if r, err := f.desk().ResolveInDoubt(context1(t), would); err != nil || r.Result != wirepb.ResolveResult_RESOLVE_RESULT_DONE {
		t.Fatalf("a dry run: %v, %v", r, err)
	}
	if acts, err := f.desk().ListResolved(context1(t), &wirepb.ListResolvedRequest{}); err != nil || len(acts.Acts) != 0 || len(listed(t, f).Blocks) != 1 {
		t.Fatalf("a dry run did something: %v, %v", acts, err)
	}
	r, err := f.desk().ResolveInDoubt(context1(t), wish("stuck", abandon))
	if err != nil || r.Result != wirepb.ResolveResult_RESOLVE_RESULT_DONE || string(r.Done.Evidence) != string(out.Blocks[0].Evidence) {
		t.Fatalf("given up: %v, %v", r, err)
	}
	if a := receive(t, "the answer", answer); a.GetDecision() != wirepb.Decision_DECISION_ABORTED || !strings.Contains(a.Reason, "ann@desk") {
		t.Fatalf("the client is told %v", a)
	}
	p.release()
	f.commits("next", 2)
	f.restart()
	acts, err := f.desk().ListResolved(context1(t), &wirepb.ListResolvedRequest{})
	if err != nil || len(acts.Acts) != 1 || acts.Acts[0].By != "ann@desk" || acts.Acts[0].Key != "stuck" || acts.Acts[0].Comment != "why not" || acts.Acts[0].UnixMs == 0 {
		t.Fatalf("after a restart the record has %v, %v", acts, err)
	}
}

func TestAnOperatorHasAShardAskedAgain(t *testing.T) {
	f := newOffice(t, Options{})
	p := newPuppet(t, f)
	answer := hangs(t, f, p, "a")
	session := f.Status().Sessions[0]
	r, err := f.desk().ResolveInDoubt(context1(t), wish("a", resync))
	if err != nil || r.Result != wirepb.ResolveResult_RESOLVE_RESULT_DONE {
		t.Fatalf("%v, %v", r, err)
	}
	eventually(t, "the shard has another session", func() bool {
		now := f.Status().Sessions
		return len(now) == 1 && now[0] != session
	})
	p.release()
	if a := receive(t, "the answer", answer); a.GetDecision() != wirepb.Decision_DECISION_COMMITTED {
		t.Fatalf("the client is told %v", a)
	}
}

func TestAnOperatorHasAnotherAttemptMade(t *testing.T) {
	f := newOffice(t, Options{})
	p := newPuppet(t, f)
	answer := hangs(t, f, p, "a")
	seen := wish("a", retry)
	seen.Attempt = listed(t, f).Blocks[0].Attempt
	for i, want := range []wirepb.ResolveResult{wirepb.ResolveResult_RESOLVE_RESULT_DONE, wirepb.ResolveResult_RESOLVE_RESULT_STAYS_IN_DOUBT} {
		if r, err := f.desk().ResolveInDoubt(context1(t), seen); err != nil || r.Result != want {
			t.Fatalf("time %d: %v, %v", i, r, err)
		}
	}
	p.release()
	if a := receive(t, "the answer", answer); a.GetDecision() != wirepb.Decision_DECISION_COMMITTED || a.Block.GetAttempt().GetAttempt() != 2 {
		t.Fatalf("the client is told %v", a)
	}
}

// TestNothingTakesADecisionBack: neither while it is at hand, nor when only the
// history has it; and bad requests change nothing.
func TestNothingTakesADecisionBack(t *testing.T) {
	f := newOffice(t, Options{})
	newPuppet(t, f)
	f.commits("old", 1)
	f.commits("new", 2)
	f.commits("newest", 3)
	eventually(t, "the history has them, and every shard", func() bool { return f.Status().LowestNeeded == 3 })
	for _, key := range []string{"old", "newest"} {
		for _, action := range []wirepb.ResolveAction{abandon, retry} {
			_, err := f.desk().ResolveInDoubt(context1(t), wish(key, action))
			wantCode(t, err, codes.FailedPrecondition)
			if want := fmt.Sprintf("block %q is decided: it is committed at height", key); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s of block %q: %v, want %q", action, key, err, want)
			}
		}
		r, err := f.desk().ResolveInDoubt(context1(t), wish(key, resync))
		if err != nil || r.Result != wirepb.ResolveResult_RESOLVE_RESULT_COMMITTED || r.Decision.GetKey() != key {
			t.Errorf("block %q: %v, %v", key, r, err)
		}
	}
	_, err := f.desk().ResolveInDoubt(context1(t), wish("nobody's", abandon))
	wantCode(t, err, codes.FailedPrecondition)
	for _, bad := range []*wirepb.ResolveInDoubtRequest{
		{By: "ann"}, {Key: "old"}, {Key: "old", By: "two\nlines"}, {Key: "old", By: strings.Repeat("x", protocol.MaxResolveBy+1)},
		{Key: "old", By: "ann", Comment: "\x1b[2J"}, {Key: "old", By: "ann", Action: 99},
	} {
		_, err := f.desk().ResolveInDoubt(context1(t), bad)
		wantCode(t, err, codes.InvalidArgument)
	}
	_, err = f.desk().ShowInDoubt(context1(t), &wirepb.ShowInDoubtRequest{By: &wirepb.ShowInDoubtRequest_Height{Height: 9}})
	wantCode(t, err, codes.NotFound)
	_, err = f.desk().ShowInDoubt(context1(t), &wirepb.ShowInDoubtRequest{})
	wantCode(t, err, codes.InvalidArgument)
	if acts, err := f.desk().ListResolved(context1(t), &wirepb.ListResolvedRequest{}); err != nil || len(acts.Acts) != 0 {
		t.Errorf("recorded %v, %v", acts, err)
	}
}

// TestAShardThatIsAway: nobody can vote in its place, and the reason says since when
// it is away.
func TestAShardThatIsAway(t *testing.T) {
	f := newOffice(t, Options{})
	p := newPuppet(t, f)
	answer := hangs(t, f, p, "a")
	p.stop()
	eventually(t, "the session has ended", func() bool { return !f.Status().Shards[0].Connected })
	out, err := f.desk().ShowInDoubt(context1(t), &wirepb.ShowInDoubtRequest{By: &wirepb.ShowInDoubtRequest_Key{Key: "a"}})
	if err != nil || out.Block.GetByItself() || !strings.Contains(out.Block.GetReason(), "shard 0 has not been connected for") ||
		out.Shards[0].AwayMs == nil || out.Shards[0].Silent == "" || len(out.Possibilities) != 3 {
		t.Fatalf("shown %v, %v", out, err)
	}
	r, err := f.desk().ResolveInDoubt(context1(t), wish("a", resync))
	if err != nil || r.Result != wirepb.ResolveResult_RESOLVE_RESULT_STAYS_IN_DOUBT || !strings.Contains(r.Reason, "bring it back") {
		t.Fatalf("resolved %v, %v", r, err)
	}
	if r, err = f.desk().ResolveInDoubt(context1(t), wish("a", abandon)); err != nil || r.Result != wirepb.ResolveResult_RESOLVE_RESULT_DONE {
		t.Fatalf("given up: %v, %v", r, err)
	}
	if a := receive(t, "the answer", answer); a.GetDecision() != wirepb.Decision_DECISION_ABORTED {
		t.Fatalf("the client is told %v", a)
	}
}

// TestAfterARestartWithoutTheShard: a coordinator that has not heard of a shard yet
// knows from the history what is committed.
func TestAfterARestartWithoutTheShard(t *testing.T) {
	f := newOffice(t, Options{})
	p := newPuppet(t, f)
	for i, key := range []string{"old", "new", "newest"} {
		f.commits(key, uint64(i+1))
	}
	eventually(t, "the history has them, and the shard", func() bool { return f.Status().LowestNeeded == 3 })
	p.stop()
	f.restart()
	r, err := f.desk().ResolveInDoubt(context1(t), wish("old", resync))
	if err != nil || r.Result != wirepb.ResolveResult_RESOLVE_RESULT_STAYS_IN_DOUBT || !strings.Contains(r.Reason, `block "old" is committed at height 1, but shard 0 is not connected`) {
		t.Errorf("a decided block: %v, %v", r, err)
	}
	_, err = f.desk().ResolveInDoubt(context1(t), wish("old", abandon))
	if wantCode(t, err, codes.FailedPrecondition); err != nil && !strings.Contains(err.Error(), "is committed at height 1, and nothing takes that back") {
		t.Errorf("a decided block is given up: %v", err)
	}
}

// TestOperatorsGoToTheLeader: a member that does not lead sends them on, what was
// done is known to the next leader, and without a majority nothing is done.
func TestOperatorsGoToTheLeader(t *testing.T) {
	t.Parallel() // it waits more than it works
	c := newCouncil(t, 3)
	leader := c.leader()
	p := newPuppet(t, c.members[0])
	c.commits("a", 1)
	for _, f := range c.but(leader) {
		_, err := f.desk().ListInDoubt(context1(t), &wirepb.ListInDoubtRequest{})
		if address, elsewhere := wire.Leader(err); !elsewhere || address != leader.address {
			t.Errorf("a follower answers %v", err)
		}
		_, err = f.desk().ResolveInDoubt(context1(t), wish("a", abandon))
		if _, elsewhere := wire.Leader(err); !elsewhere {
			t.Errorf("a follower answers %v", err)
		}
	}
	hangs(t, leader, p, "b")
	if r, err := leader.desk().ResolveInDoubt(context1(t), wish("b", abandon)); err != nil || r.Result != wirepb.ResolveResult_RESOLVE_RESULT_DONE {
		t.Fatalf("given up: %v, %v", r, err)
	}
	p.release()
	c.kill(leader)
	rest := c.but(leader)
	next := c.leads(rest...)
	acts, err := next.desk().ListResolved(context1(t), &wirepb.ListResolvedRequest{})
	if err != nil || len(acts.Acts) != 1 || acts.Acts[0].Key != "b" {
		t.Fatalf("the next leader has %v, %v", acts, err)
	}
	hangs(t, next, p, "c")
	for _, f := range rest {
		c.isolate(f)
	}
	began := time.Now()
	r, err := next.desk().ResolveInDoubt(context1(t), wish("c", abandon))
	if err == nil {
		t.Fatalf("given up without a majority, within %s: %v", time.Since(began), r)
	}
}
