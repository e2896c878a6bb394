package raftnet_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/coordinator/replica/raftnet"
)

func openPipeline(t *testing.T, from, to *host) raft.AppendPipeline {
	t.Helper()
	return openPipelineAt(t, from, to.id, to.address)
}

func openPipelineAt(t *testing.T, from *host, id raft.ServerID, address raft.ServerAddress) raft.AppendPipeline {
	t.Helper()
	p, err := from.AppendEntriesPipeline(id, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestPipelineAnswersInOrder(t *testing.T) {
	from, to := startHost(t, "c1"), startHost(t, "c2")
	to.answer(t, accepted)
	p := openPipeline(t, from, to)
	const requests = 200
	sent := make(chan raft.AppendFuture, requests)
	go func() {
		for i := range requests {
			a := appendOf(100)
			a.PrevLogEntry += uint64(i)
			a.Entries[0].Index += uint64(i)
			f, err := p.AppendEntries(a, &raft.AppendEntriesResponse{})
			if err != nil {
				t.Error(err)
				break
			}
			sent <- f
		}
		close(sent)
	}()
	for i := range requests {
		f := await(t, p.Consumer(), "an answer")
		if err := f.Error(); err != nil {
			t.Fatal(err)
		}
		if want := await(t, sent, "its request"); f != want {
			t.Fatalf("answer %d is for another request", i)
		}
		if want := uint64(11 + i); f.Response().LastLog != want || f.Request().Entries[0].Index != want || f.Start().IsZero() {
			t.Fatalf("got %+v for entry %d, want entry %d", f.Response(), f.Request().Entries[0].Index, want)
		}
	}
}

// Entries of every size around those at which they are cut come out as they
// were, whatever the limits.
func TestEntriesOfAllSizes(t *testing.T) {
	for _, limits := range []change{
		func(*raftnet.Options) {},
		func(o *raftnet.Options) { o.FrameBytes = 128 << 10 },
		func(o *raftnet.Options) { o.FrameBytes, o.BatchBytes = 128<<10, 1<<20 },
		func(o *raftnet.Options) { o.BatchBytes = 1 },
	} {
		from, to := startHost(t, "c1", limits), startHost(t, "c2", limits)
		var got []*raft.Log
		to.answer(t, func(r raft.RPC) (any, error) {
			a := r.Command.(*raft.AppendEntriesRequest)
			if n := len(got); n > 0 && (a.PrevLogEntry != got[n-1].Index || a.PrevLogTerm != got[n-1].Term) {
				t.Errorf("a request behind entry %d of term %d follows on %d of %d", a.PrevLogEntry, a.PrevLogTerm, got[n-1].Index, got[n-1].Term)
			}
			got = append(got, a.Entries...)
			return accepted(r)
		})
		a := appendOf(0, 1, 16<<10, 16<<10+1, 40<<10, 128<<10-64, 128<<10-63, 128<<10, 1, 3_000_000, 4<<20, 4<<20+1, 9<<20, 0, 5)
		for _, e := range a.Entries {
			if len(e.Data) == 0 {
				e.Data = nil
			}
		}
		a.Entries[2].Extensions = []byte(strings.Repeat("x", 64<<10))
		a.Entries[3].AppendedAt = time.Unix(5, 6)
		var resp raft.AppendEntriesResponse
		if err := from.AppendEntries("c2", to.address, a, &resp); err != nil {
			t.Fatal(err)
		}
		if !resp.Success || resp.LastLog != a.Entries[len(a.Entries)-1].Index {
			t.Errorf("got %+v", resp)
		}
		if !reflect.DeepEqual(got, a.Entries) {
			t.Error("the entries are others than were sent")
		}
	}
}

// What is cut into several requests fails if one of them does, with its answer.
func TestTheFirstFailureCounts(t *testing.T) {
	from, to := startHost(t, "c1", func(o *raftnet.Options) { o.BatchBytes = 1 }), startHost(t, "c2")
	to.answer(t, func(r raft.RPC) (any, error) {
		a := r.Command.(*raft.AppendEntriesRequest)
		return &raft.AppendEntriesResponse{Term: 4, LastLog: a.Entries[0].Index, Success: a.Entries[0].Index != 12}, nil
	})
	var resp raft.AppendEntriesResponse
	if err := from.AppendEntries("c2", to.address, appendOf(1, 1, 1), &resp); err != nil {
		t.Fatal(err)
	}
	if resp.Success || resp.LastLog != 12 {
		t.Fatalf("got %+v, want the answer to entry 12", resp)
	}
}

func TestEntriesThatNobodyTakes(t *testing.T) {
	from, to := startHost(t, "c1", func(o *raftnet.Options) { o.BatchBytes, o.MaxRequestBytes = 1<<20, 1<<20 }), startHost(t, "c2")
	p := openPipeline(t, from, to)
	if _, err := p.AppendEntries(appendOf(1<<20), &raft.AppendEntriesResponse{}); err == nil || !strings.Contains(err.Error(), "entry 11 has 1048640 bytes, at most 1048576 can be sent") {
		t.Errorf("got %v", err)
	}
	a := appendOf(1)
	a.Entries[0].Extensions = make([]byte, 64<<10+1)
	if _, err := p.AppendEntries(a, &raft.AppendEntriesResponse{}); err == nil || !strings.Contains(err.Error(), "entry 11 has extensions of 65537 bytes") {
		t.Errorf("got %v", err)
	}
}

// The receiver looks at the announcement, whatever the sender thinks.
func TestReceiverRefusesLargeRequests(t *testing.T) {
	from, to := startHost(t, "c1"), startHost(t, "c2", func(o *raftnet.Options) { o.BatchBytes, o.MaxRequestBytes = 1<<20, 1<<20 })
	to.answer(t, accepted)
	err := from.AppendEntries("c2", to.address, appendOf(1<<20), &raft.AppendEntriesResponse{})
	if err == nil || !strings.Contains(err.Error(), "entries of 1048640 bytes in one request, at most 1048576 are allowed") {
		t.Errorf("got %v", err)
	}
}

func TestPipelineIsBounded(t *testing.T) {
	from, to := startHost(t, "c1", func(o *raftnet.Options) { o.InFlight = 3 }), startHost(t, "c2")
	p := openPipeline(t, from, to)
	sent := make(chan error, 10)
	go func() {
		for range 4 {
			_, err := p.AppendEntries(appendOf(1), &raft.AppendEntriesResponse{})
			sent <- err
		}
	}()
	for range 3 {
		if err := await(t, sent, "a request to be taken"); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-sent:
		t.Fatalf("a fourth request was taken: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	to.answer(t, accepted)
	if err := await(t, sent, "the fourth request to be taken"); err != nil {
		t.Fatal(err)
	}
}

func TestPipelineIsClosed(t *testing.T) {
	from, to := startHost(t, "c1"), startHost(t, "c2")
	p := openPipeline(t, from, to)
	f, err := p.AppendEntries(appendOf(1), &raft.AppendEntriesResponse{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Error(); !errors.Is(err, raft.ErrPipelineShutdown) {
		t.Errorf("got %v", err)
	}
	if _, err := p.AppendEntries(appendOf(1), &raft.AppendEntriesResponse{}); !errors.Is(err, raft.ErrPipelineShutdown) {
		t.Errorf("got %v", err)
	}
	// What was sent still arrives, but its answer is nobody's any more.
	came := make(chan struct{})
	to.answer(t, func(r raft.RPC) (any, error) { close(came); return accepted(r) })
	await(t, came, "what was sent before Close")
	if f.Response().Success {
		t.Error("an answer was written after Close")
	}
}

// A pipeline that is closed while it is stuck in the middle of a request lets go.
func TestStuckPipelineIsClosed(t *testing.T) {
	from, to := startHost(t, "c1"), startHost(t, "c2")
	p := openPipeline(t, from, to)
	failed := make(chan error, 1)
	go func() {
		for {
			if _, err := p.AppendEntries(appendOf(8<<20), &raft.AppendEntriesResponse{}); err != nil {
				failed <- err
				return
			}
		}
	}()
	// Nobody takes them, so what was sent last waits on the way.
	eventually(t, "requests are on the way", func() bool { return from.Peers()[0].BytesSent > 1<<20 })
	select {
	case err := <-failed:
		t.Fatalf("it was not stuck: %v", err)
	default:
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := await(t, failed, "the request to fail"); !errors.Is(err, raft.ErrPipelineShutdown) {
		t.Errorf("got %v", err)
	}
}

// A follower may take longer than any timeout to write entries. Where the machine
// is so busy that no sign of life comes through in time, longer times are tried.
func TestRequestTakesLong(t *testing.T) {
	for timeout := 500 * time.Millisecond; ; timeout *= 2 {
		err := answeredAfter(t, 3*timeout, timeout)
		if err == nil {
			return
		}
		if timeout > 5*time.Second {
			t.Fatal(err)
		}
		t.Logf("timeout %v: %v", timeout, err)
	}
}

// answeredAfter makes a request whose answer takes longer than the timeout.
func answeredAfter(t *testing.T, delay, timeout time.Duration) error {
	set := func(o *raftnet.Options) { o.Timeout = timeout }
	from, to := startHost(t, "c1", set), startHost(t, "c2", set)
	to.answer(t, func(r raft.RPC) (any, error) {
		<-time.After(delay)
		return accepted(r)
	})
	return from.AppendEntries("c2", to.address, appendOf(1), &raft.AppendEntriesResponse{})
}

// A network that drops everything is noticed within about a timeout, on an idle
// pipeline and on one that waits, and a new connection is made at once after.
func TestSilentNetwork(t *testing.T) {
	const timeout = 200 * time.Millisecond
	short := func(o *raftnet.Options) { o.Timeout = timeout }
	from, to := startHost(t, "c1", short), startHost(t, "c2", short)
	net := startProxy(t, to.address)
	p := openPipelineAt(t, from, "c2", net.address())
	net.setSilent(true)
	began := time.Now()
	f, err := p.AppendEntries(appendOf(1), &raft.AppendEntriesResponse{})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Error(); err == nil || !strings.Contains(err.Error(), "nothing heard from the other side for 200ms") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(began); took < timeout/2 || took > 10*timeout {
		t.Errorf("it took %v to notice", took)
	}
	select {
	case <-p.Consumer():
		t.Error("raft would take the failure for a sign of life")
	default:
	}
	if _, err := p.AppendEntries(appendOf(1), &raft.AppendEntriesResponse{}); err == nil {
		t.Error("a broken pipeline takes requests")
	}
	to.answer(t, accepted)
	net.setSilent(false)
	eventually(t, "the peer is reached again", func() bool {
		return from.AppendEntries("c2", net.address(), appendOf(), &raft.AppendEntriesResponse{}) == nil
	})
	if took := time.Since(began); took > 20*timeout {
		t.Errorf("it took %v until the peer was reached again", took)
	}
}

// Heartbeats overtake entries that the other side does not take.
func TestHeartbeatsOvertakeEntries(t *testing.T) {
	from, to := startHost(t, "c1"), startHost(t, "c2")
	to.SetHeartbeatHandler(func(r raft.RPC) { r.Respond(accepted(r)) })
	p := openPipeline(t, from, to)
	stuck := make(chan struct{})
	go func() {
		defer close(stuck)
		for {
			if _, err := p.AppendEntries(appendOf(8<<20), &raft.AppendEntriesResponse{}); err != nil {
				return
			}
		}
	}()
	eventually(t, "entries are on the way", func() bool { return from.Peers()[0].BytesSent > 1<<20 })
	for range 20 {
		if err := from.AppendEntries("c2", to.address, &raft.AppendEntriesRequest{Term: 4}, &raft.AppendEntriesResponse{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	<-stuck
}
