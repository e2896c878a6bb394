package rpc_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// follower is a coordinator that does not lead, and says who does.
type follower struct {
	wirepb.UnimplementedSessionServiceServer
	address string

	mu     sync.Mutex
	leader string
	once   bool // it names the leader only once
	opened int
}

func (f *follower) Open(grpc.BidiStreamingServer[wirepb.Frame, wirepb.Frame]) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opened++
	leader := f.leader
	if f.once {
		f.leader = ""
	}
	return wire.NotLeader(leader, "c2 does not lead")
}

func (f *follower) follows(leader string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leader = leader
}

func (f *follower) calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.opened
}

func startFollower(t *testing.T, leader string) *follower {
	f := &follower{leader: leader}
	f.address = serve(t, f)
	return f
}

// serve gives a session service an address until the test ends.
func serve(t *testing.T, service wirepb.SessionServiceServer) string {
	t.Helper()
	server := rpc.NewServer(rpc.ServerOptions{})
	wirepb.RegisterSessionServiceServer(server, service)
	l := listen(t)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		server.Shutdown(ctx)
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func TestAShardFollowsToALeaderOutsideItsList(t *testing.T) {
	c := startCoordinator(t)
	f := startFollower(t, c.address)
	log := newLines()
	s := startShard(t, f.address, func(o *rpc.SessionClientOptions) { o.Logger = log.logger() })
	awaitMessage[*protocol.Welcome](s.recorder, 1)
	if f.calls() != 1 || log.count("waiting for coordinator") != 0 {
		t.Errorf("%d calls to the follower, log: %s", f.calls(), log.buf.String())
	}
}

// A leader that was found is dialled again although it is not in the list.
func TestAShardRemembersTheLeaderItFound(t *testing.T) {
	c := startCoordinator(t)
	f := startFollower(t, c.address)
	s := startShard(t, f.address)
	_, welcome := awaitMessage[*protocol.Welcome](s.recorder, 1)
	f.follows("") // it knows of no leader any more
	s.client.Close(welcome.session, "the test wants another")
	awaitMessage[*protocol.Welcome](s.recorder, 2)
	if f.calls() != 1 {
		t.Errorf("%d calls to the follower", f.calls())
	}
}

// One that was named and leads only later is dialled again, even if nobody names it
// a second time.
func TestAShardRemembersWhoWasNamed(t *testing.T) {
	named := startFollower(t, "")
	f := startFollower(t, named.address)
	f.once = true
	runUntil(t, 8, []string{f.address}, 1)
	if n := named.calls(); n < 3 {
		t.Errorf("%d calls to the one that was named", n)
	}
}

func TestAShardRemembersWithinABound(t *testing.T) {
	var all []*follower
	for range 20 {
		f := startFollower(t, "")
		if len(all) > 0 {
			f.follows(all[len(all)-1].address)
			f.once = true
		}
		all = append(all, f)
	}
	last := all[len(all)-1]
	waits, _ := runUntil(t, 200, []string{last.address}, 1)
	if n := last.calls(); n < len(waits)/(1+8)-1 {
		t.Errorf("%d calls to the one that the operator named, in %d pauses", n, len(waits))
	}
}

// deposable leads until it is told who does, or that nobody does but who the members are.
type deposable struct {
	follower
	sessions *rpc.SessionServer
	members  []string
}

func (d *deposable) Open(stream grpc.BidiStreamingServer[wirepb.Frame, wirepb.Frame]) error {
	err := d.sessions.Open(stream)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.opened++
	if d.leader != "" || d.members != nil {
		return wire.NotLeader(d.leader, "c1 does not lead", d.members...)
	}
	return err
}

// retires ends its sessions with the addresses of those that are left.
func (d *deposable) retires(members ...string) {
	d.mu.Lock()
	d.members = members
	d.mu.Unlock()
	d.sessions.CloseAll("deposed")
}

func TestAShardFollowsWhenTheLeaderIsDeposed(t *testing.T) {
	first, second := startCoordinator(t), startCoordinator(t)
	d := &deposable{sessions: first.sessions}
	d.address = serve(t, d)
	s := startShard(t, d.address)
	awaitMessage[*protocol.Welcome](s.recorder, 1)
	d.follows(second.address)
	first.sessions.CloseAll("deposed")
	awaitMessage[*protocol.Welcome](s.recorder, 2)
	if d.calls() != 1 {
		t.Errorf("%d calls to the old leader", d.calls())
	}
	if _, ev := awaitMessage[*protocol.Hello](second.recorder, 1); ev.session == 0 {
		t.Error("no session with the new leader")
	}
}

// All coordinators that a shard knows may be replaced before it asks again who they
// are: the last words of the leader tell it.
func TestAShardLearnsFromTheLastWordsOfItsCoordinator(t *testing.T) {
	first, second := startCoordinator(t), startCoordinator(t)
	d := &deposable{sessions: first.sessions}
	d.address = serve(t, d)
	s := startShard(t, d.address)
	awaitMessage[*protocol.Welcome](s.recorder, 1)
	d.retires(d.address, second.address)
	awaitMessage[*protocol.Welcome](s.recorder, 2)
	if _, ev := awaitMessage[*protocol.Hello](second.recorder, 1); ev.session == 0 {
		t.Error("no session with the coordinator that it was told of")
	}
}

// While a coordinator answers that it does not lead, a shard asks again soon,
// however often.
func TestPausesStayShortWhileNobodyLeads(t *testing.T) {
	f := startFollower(t, "")
	waits, _ := runUntil(t, 16, []string{f.address, deadAddress(t)}, 1)
	for i, wait := range waits {
		if wait > 500*time.Millisecond {
			t.Errorf("wait %d is %v", i, wait)
		}
	}
	if last := waits[len(waits)-1]; last != 500*time.Millisecond {
		t.Errorf("the last wait is %v", last)
	}
	if first := waits[0]; first != 100*time.Millisecond {
		t.Errorf("the first wait is %v", first)
	}
}

// When nobody answers any more, the pauses grow as they do with one coordinator.
func TestPausesGrowWhenNobodyAnswers(t *testing.T) {
	waits, _ := runUntil(t, 16, []string{deadAddress(t), deadAddress(t)}, 1)
	if last := waits[len(waits)-1]; last != 5*time.Second {
		t.Errorf("the last wait is %v", last)
	}
}

func TestRedirectsThatLeadNowhereDoNotSpin(t *testing.T) {
	a, b := startFollower(t, ""), startFollower(t, "")
	a.follows(b.address)
	b.follows(a.address)
	const pauses = 10
	waits, log := runUntil(t, pauses, []string{a.address}, 1)
	// Between two pauses there are at most three dials.
	if n := a.calls() + b.calls(); n > 3*pauses {
		t.Errorf("%d dials in %d pauses", n, pauses)
	}
	if waits[pauses-1] != 500*time.Millisecond || log.count("waiting for coordinator") == 0 {
		t.Errorf("waits %v", waits)
	}
}

func TestALeaderThatIsGoneDoesNotSpin(t *testing.T) {
	f := startFollower(t, deadAddress(t))
	const pauses = 10
	waits, _ := runUntil(t, pauses, []string{f.address}, 1)
	if n := f.calls(); n > pauses {
		t.Errorf("%d calls in %d pauses", n, pauses)
	}
	if last := waits[pauses-1]; last != 500*time.Millisecond {
		t.Errorf("waits %v", waits)
	}
}

// One that takes connections and never answers holds a shard up for a second.
func TestASilentCoordinatorIsPassedOver(t *testing.T) {
	silent := listen(t)
	defer silent.Close()
	c := startCoordinator(t)
	log := newLines()
	s := startShard(t, "", func(o *rpc.SessionClientOptions) {
		o.Coordinators, o.Logger = []string{silent.Addr().String(), c.address}, log.logger()
	})
	awaitMessage[*protocol.Welcome](s.recorder, 1)
	if log.count("no answer within 1s") != 1 {
		t.Errorf("log: %s", log.buf.String())
	}
}
