package executor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// post is an exchange that serves, and what came in through it.
type post struct {
	*Exchange
	address string
	server  *rpc.Server

	mu     sync.Mutex
	came   map[string]int // how often, by "sender attempt values"
	refuse error
	turned int // values refused
}

var testCluster = protocol.ClusterID{1}

// plainly dials a peer that proves nothing.
func plainly(_ protocol.ShardID, address string) (*grpc.ClientConn, error) { return rpc.Dial(address) }

func newPost(t *testing.T, self protocol.ShardID, shards int) *post {
	return newPostAs(t, self, shards, nil)
}

// newPostAs is newPost for one that lets only those in who prove who they are.
func newPostAs(t *testing.T, self protocol.ShardID, shards int, i *identity.Identity) *post {
	p := &post{came: map[string]int{}}
	p.Exchange = NewExchange(self, protocol.InstanceID{byte(self)}, plainly, p.take, hclog.NewNullLogger())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.address = l.Addr().String()
	p.server = rpc.NewServer(rpc.ServerOptions{Identity: i})
	wirepb.RegisterExchangeServiceServer(p.server, &exchangeServer{exchange: p.Exchange, config: func() protocol.Config { return testConfig(shards) }})
	served := make(chan error, 1)
	go func() { served <- p.server.Serve(l) }()
	t.Cleanup(func() {
		p.Close()
		p.server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return p
}

func (p *post) take(from protocol.ShardID, a protocol.AttemptID, values []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse != nil {
		p.turned++
		return p.refuse
	}
	p.came[fmt.Sprintf("%d %s %s", from, a, values)]++
	return nil
}

func (p *post) setRefuse(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = err
}

func (p *post) times(what string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.came[what]
}

// meets tells an exchange of others.
func (p *post) meets(others ...protocol.Peer) { p.SetPeers(testCluster, others) }

func packed(value string) []byte { return appendValue(nil, 1, 0, []byte(value), true) }

func line0(a protocol.AttemptID, value string) string {
	return fmt.Sprintf("0 %s %s", a, packed(value))
}

func TestExchangeCarriesValuesBothWays(t *testing.T) {
	zero, one := newPost(t, 0, 2), newPost(t, 1, 2)
	zero.Push(1, at(1, 1), packed("before the peer is known"))
	zero.meets(protocol.Peer{Shard: 0, Address: zero.address}, protocol.Peer{Shard: 1, Address: one.address})
	one.meets(protocol.Peer{Shard: 0, Address: zero.address})
	one.Push(0, at(1, 1), packed("back"))
	zero.Push(1, at(2, 1), packed("after"))
	eventually(t, "all came", func() bool {
		return one.times(line0(at(1, 1), "before the peer is known")) == 1 && one.times(line0(at(2, 1), "after")) == 1 &&
			zero.times(fmt.Sprintf("1 %s %s", at(1, 1), packed("back"))) == 1
	})
	if zero.Silent(1) != 0 || one.Silent(0) != 0 || len(zero.Absent()) != 0 {
		t.Errorf("silent for %v and %v, absent %v", zero.Silent(1), one.Silent(0), zero.Absent())
	}
	if zero.Bytes() == 0 {
		t.Error("nothing is kept for a reconnect")
	}
	zero.Release(func(protocol.AttemptID) bool { return false })
	if zero.Bytes() != 0 {
		t.Errorf("%d bytes are kept", zero.Bytes())
	}
}

func TestExchangeSendsAgainAfterACut(t *testing.T) {
	zero, one := newPost(t, 0, 2), newPost(t, 1, 2)
	one.meets()
	gate := newGate(t, one.address)
	zero.meets(protocol.Peer{Shard: 1, Address: gate.address()})
	zero.Push(1, at(1, 1), packed("released"))
	zero.Push(1, at(2, 1), packed("kept"))
	eventually(t, "the first round", func() bool { return one.times(line0(at(2, 1), "kept")) == 1 })
	zero.Release(func(a protocol.AttemptID) bool { return a.Height > 1 })
	gate.cut()
	eventually(t, "the second round", func() bool { return one.times(line0(at(2, 1), "kept")) == 2 })
	if n := one.times(line0(at(1, 1), "released")); n != 1 {
		t.Errorf("what was released came %d times", n)
	}
	zero.Push(1, at(3, 1), packed("more"))
	eventually(t, "more", func() bool { return one.times(line0(at(3, 1), "more")) == 1 })
}

// TestExchangeNoticesASilentCut: packets vanish and nobody is told.
func TestExchangeNoticesASilentCut(t *testing.T) {
	zero, one := newPost(t, 0, 2), newPost(t, 1, 2)
	zero.silence = 2 * progressInterval
	one.meets()
	gate := newGate(t, one.address)
	zero.meets(protocol.Peer{Shard: 1, Address: gate.address()})
	zero.Push(1, at(1, 1), packed("a"))
	eventually(t, "the first value", func() bool { return one.times(line0(at(1, 1), "a")) == 1 })
	gate.freeze()
	zero.Push(1, at(1, 1), packed("b"))
	eventually(t, "the value came on another stream", func() bool { return one.times(line0(at(1, 1), "b")) == 1 })
}

// TestExchangeGivesUpAPeerThatDoesNotGreet: it accepts connections, and is
// silent from the first byte on.
func TestExchangeGivesUpAPeerThatDoesNotGreet(t *testing.T) {
	zero := newPost(t, 0, 2)
	zero.silence = 200 * time.Millisecond
	server := grpc.NewServer()
	mute := &muteServer{}
	wirepb.RegisterExchangeServiceServer(server, mute)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	defer func() { server.Stop(); <-served }()
	zero.meets(protocol.Peer{Shard: 1, Address: l.Addr().String()})
	eventually(t, "it is dialled again", func() bool { return mute.calls.Load() >= 2 })
	zero.Close()
}

type muteServer struct {
	wirepb.UnimplementedExchangeServiceServer
	calls atomic.Int32
}

func (s *muteServer) Push(stream takeStream) error {
	s.calls.Add(1)
	<-stream.Context().Done()
	return stream.Context().Err()
}

func TestExchangeFollowsAPeerThatMoves(t *testing.T) {
	zero, old, moved := newPost(t, 0, 2), newPost(t, 1, 2), newPost(t, 1, 2)
	old.meets()
	moved.meets()
	zero.meets(protocol.Peer{Shard: 1, Address: old.address})
	zero.Push(1, at(1, 1), packed("a"))
	eventually(t, "the value came", func() bool { return old.times(line0(at(1, 1), "a")) == 1 })
	zero.meets(protocol.Peer{Shard: 1, Address: old.address}) // no news
	zero.meets(protocol.Peer{Shard: 1, Address: moved.address})
	eventually(t, "the value came to the new address", func() bool { return moved.times(line0(at(1, 1), "a")) == 1 })
	eventually(t, "the old stream has ended", func() bool { return old.Silent(0) > 0 })
	for i := range 50 {
		zero.Push(1, at(1, 1), packed(fmt.Sprint(i)))
	}
	eventually(t, "later values came", func() bool { return moved.times(line0(at(1, 1), "49")) == 1 })
	if n := old.times(line0(at(1, 1), "49")); n != 0 {
		t.Errorf("the old address got %d of them", n)
	}
}

func TestExchangeComesBackAfterARefusalOfValues(t *testing.T) {
	zero, one := newPost(t, 0, 2), newPost(t, 1, 2)
	one.meets()
	zero.meets(protocol.Peer{Shard: 1, Address: one.address})
	for n, refusal := range []error{ErrEarly, errors.New("nonsense")} {
		one.setRefuse(refusal)
		zero.Push(1, at(1, 1), packed("a"))
		eventually(t, "the values are refused", func() bool {
			one.mu.Lock()
			defer one.mu.Unlock()
			return one.turned > n
		})
	}
	one.setRefuse(nil)
	eventually(t, "the value came", func() bool { return one.times(line0(at(1, 1), "a")) >= 1 })
}

func TestExchangeSendsLargeValuesInPieces(t *testing.T) {
	zero, one := newPost(t, 0, 2), newPost(t, 1, 2)
	one.meets()
	zero.meets(protocol.Peer{Shard: 1, Address: one.address})
	var values []byte
	for i := range uint32(40) {
		values = appendValue(values, i, 0, bytes.Repeat([]byte{byte(i)}, 60_000), true)
	}
	zero.Push(1, at(1, 1), values)
	total := func() (n int) {
		one.mu.Lock()
		defer one.mu.Unlock()
		for what := range one.came {
			n += len(what) - len("0 1/1.1 ")
		}
		return n
	}
	eventually(t, "all pieces came", func() bool { return total() == len(values) })
	if len(one.came) < 5 {
		t.Errorf("it came in %d pieces", len(one.came))
	}
}

// greeting opens a stream to a post and says hello, or something else.
func greeting(t *testing.T, p *post, first *wirepb.ExchangeRequest) (pushStream, *wirepb.ExchangeResponse, error) {
	conn, err := rpc.Dial(p.address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(func() { cancel(); conn.Close() })
	stream, err := wirepb.NewExchangeServiceClient(conn).Push(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(first); err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Recv()
	return stream, answer, err
}

func hello(cluster protocol.ClusterID, from, to uint32) *wirepb.ExchangeRequest {
	return &wirepb.ExchangeRequest{Request: &wirepb.ExchangeRequest_Hello{
		Hello: &wirepb.ExchangeHello{Cluster: cluster[:], FromShard: from, ToShard: to},
	}}
}

func batch(a *wirepb.AttemptID) *wirepb.ExchangeRequest {
	return &wirepb.ExchangeRequest{Request: &wirepb.ExchangeRequest_Batch{Batch: &wirepb.ExchangeBatch{Attempt: a, Values: packed("v")}}}
}

func TestExchangeRefusesStrangers(t *testing.T) {
	one, unwelcomed := newPost(t, 1, 3), newPost(t, 1, 3)
	one.meets()
	for name, test := range map[string]struct {
		post *post
		from *wirepb.ExchangeRequest
		want string
	}{
		"before the welcome": {unwelcomed, hello(testCluster, 0, 1), "not welcomed"},
		"another cluster":    {one, hello(protocol.ClusterID{9}, 0, 1), "another cluster"},
		"no cluster":         {one, hello(protocol.ClusterID{}, 0, 1), "another cluster"},
		"another shard":      {one, hello(testCluster, 0, 2), "this is shard 1"},
		"itself":             {one, hello(testCluster, 1, 1), "no peer"},
		"no such shard":      {one, hello(testCluster, 3, 1), "no peer"},
	} {
		t.Run(name, func(t *testing.T) {
			stream, answer, err := greeting(t, test.post, test.from)
			if err != nil || !strings.Contains(answer.GetRefused().GetReason(), test.want) {
				t.Fatalf("got %v, %v", answer, err)
			}
			if _, err := stream.Recv(); status.Code(err) != codes.FailedPrecondition {
				t.Errorf("the stream ends with %v", err)
			}
		})
	}
	if _, answer, err := greeting(t, one, batch(&wirepb.AttemptID{Height: 1, Epoch: 1, Attempt: 1})); status.Code(err) != codes.InvalidArgument {
		t.Errorf("without a hello: %v, %v", answer, err)
	}
	if len(one.came) > 0 {
		t.Errorf("values of strangers came in: %v", one.came)
	}
}

func TestExchangeEndsAStreamThatSendsNonsense(t *testing.T) {
	one := newPost(t, 1, 2)
	one.meets()
	for name, nonsense := range map[string]*wirepb.ExchangeRequest{
		"nothing":        {},
		"a second hello": hello(testCluster, 0, 1),
		"no attempt":     batch(nil),
		"height 0":       batch(&wirepb.AttemptID{Epoch: 1, Attempt: 1}),
		"epoch 0":        batch(&wirepb.AttemptID{Height: 1, Attempt: 1}),
		"attempt 0":      batch(&wirepb.AttemptID{Height: 1, Epoch: 1}),
	} {
		t.Run(name, func(t *testing.T) {
			stream, answer, err := greeting(t, one, hello(testCluster, 0, 1))
			if err != nil || answer.GetAccepted() == nil {
				t.Fatal(answer, err)
			}
			if err := stream.Send(nonsense); err != nil {
				t.Fatal(err)
			}
			for err == nil {
				_, err = stream.Recv()
			}
			if status.Code(err) != codes.InvalidArgument {
				t.Errorf("the stream ends with %v", err)
			}
		})
	}
	eventually(t, "no stream stands", func() bool { return slices.Equal(one.Absent(), []protocol.ShardID{0}) })
}

// TestExchangeHoldsPeersToTheLengthOfAMessage that a link comes to with the longest
// values, and no more.
func TestExchangeHoldsPeersToTheLengthOfAMessage(t *testing.T) {
	zero, one := newPost(t, 0, 2), newPost(t, 1, 2)
	one.meets()
	zero.meets(protocol.Peer{Shard: 1, Address: one.address})
	longest := make([]byte, protocol.DefaultLimits().ValueBytes)
	values := appendValue(nil, 0, 0, make([]byte, batchBytes-1-valueHead), true) // stands for many
	values = appendValue(appendValue(values, 1, 0, longest, true), 2, 0, longest, true)
	zero.Push(1, at(1, 1), values)
	piece := values[:longestBatch(protocol.DefaultLimits())]
	eventually(t, "the longest message came", func() bool { return one.times(fmt.Sprintf("0 %s %s", at(1, 1), piece)) == 1 })
	zero.Close()
	stream, answer, err := greeting(t, one, hello(testCluster, 0, 1))
	if err != nil || answer.GetAccepted() == nil {
		t.Fatal(answer, err)
	}
	more := &wirepb.ExchangeBatch{Attempt: &wirepb.AttemptID{Height: 1, Epoch: 1, Attempt: 1}, Values: values[:len(piece)+1]}
	if err := stream.Send(&wirepb.ExchangeRequest{Request: &wirepb.ExchangeRequest_Batch{Batch: more}}); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = stream.Recv()
	}
	if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "in one message") {
		t.Errorf("the stream ends with %v", err)
	}
}

// TestACloseEndsTheStreamsOfPeers: else a server that is stopped waits for them.
func TestACloseEndsTheStreamsOfPeers(t *testing.T) {
	zero, one := newPost(t, 0, 2), newPost(t, 1, 2)
	one.meets()
	zero.meets(protocol.Peer{Shard: 1, Address: one.address})
	zero.Push(1, at(1, 1), packed("a"))
	eventually(t, "the value came", func() bool { return one.times(line0(at(1, 1), "a")) == 1 })
	one.Close()
	stopped := make(chan struct{})
	go func() { one.server.GracefulStop(); close(stopped) }()
	receive(t, "the graceful stop", func() chan struct{} {
		c := make(chan struct{}, 1)
		go func() { <-stopped; c <- struct{}{} }()
		return c
	}())
	zero.Close()
	zero.SetPeers(testCluster, []protocol.Peer{{Shard: 1, Address: "127.0.0.1:1"}}) // after Close: no link
}
