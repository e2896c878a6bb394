package coordinator

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// reader serves the reads of a shard: every value tells its key and height.
type reader struct {
	wirepb.UnimplementedShardServiceServer
	address string

	mu     sync.Mutex
	asked  []uint64
	pruned int // how many reads come too late
	short  bool
	size   int // of every value, if it is not 0
}

func newReader(t *testing.T) *reader {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{address: l.Addr().String()}
	server := rpc.NewServer(rpc.ServerOptions{})
	wirepb.RegisterShardServiceServer(server, r)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() { server.Stop(); <-served })
	return r
}

func (r *reader) Get(_ context.Context, in *wirepb.ShardServiceGetRequest) (*wirepb.ShardServiceGetResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, in.GetAtHeight())
	if r.pruned > 0 {
		r.pruned--
		return nil, status.Error(codes.OutOfRange, "checkpointed past it")
	}
	out := &wirepb.ShardServiceGetResponse{Height: in.GetAtHeight()}
	for _, key := range in.Keys {
		out.Values = append(out.Values, &wirepb.Value{Found: true, Value: fmt.Appendf(nil, "%s@%d", key, in.GetAtHeight())})
	}
	for _, v := range out.Values {
		if r.size > 0 {
			v.Value = make([]byte, r.size)
		}
	}
	if r.short {
		out.Values = out.Values[1:]
	}
	return out, nil
}

// late makes the next reads come too late, and gives how many there were.
func (r *reader) late(pruned int) (asked int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	asked, r.asked, r.pruned = len(r.asked), nil, pruned
	return asked
}

// TestReadsNameOneHeight is invariant 8.
func TestReadsNameOneHeight(t *testing.T) {
	r := newReader(t)
	f := newOffice(t, Options{})
	get := func(at *uint64, keys ...string) (*wirepb.GetResponse, error) {
		in := &wirepb.GetRequest{AtHeight: at}
		for _, key := range keys {
			in.Keys = append(in.Keys, []byte(key))
		}
		return f.client.Get(context1(t), in)
	}
	height := func(h uint64) *uint64 { return &h }

	if out, err := get(nil, "a"); err != nil || out.Height != 0 || out.Values[0].Found {
		t.Errorf("before the first block: %v, %v", out, err)
	}
	newPuppetAt(t, f, r.address)
	f.commits("one", 1)
	f.commits("two", 2)
	out, err := get(nil, "b", "a")
	if err != nil || out.Height != 2 || string(out.Values[0].Value) != "b@2" || string(out.Values[1].Value) != "a@2" {
		t.Errorf("the newest height: %v, %v", out, err)
	}
	if out, err := get(height(1), "a"); err != nil || out.Height != 1 || string(out.Values[0].Value) != "a@1" {
		t.Errorf("height 1: %v, %v", out, err)
	}
	_, err = get(height(3), "a")
	wantCode(t, err, codes.OutOfRange)
	_, err = get(nil)
	wantCode(t, err, codes.InvalidArgument)

	r.late(readTries - 1)
	if out, err := get(nil, "a"); err != nil || string(out.Values[0].Value) != "a@2" || r.late(readTries) != readTries {
		t.Errorf("a read that came too late at first: %v, %v", out, err)
	}
	_, err = get(nil, "a")
	wantCode(t, err, codes.OutOfRange)
	r.late(1)
	_, err = get(height(1), "a") // the client named the height: it is gone
	wantCode(t, err, codes.OutOfRange)
	if asked := r.late(0); asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	r.mu.Lock()
	r.short = true
	r.mu.Unlock()
	_, err = get(nil, "a", "b")
	wantCode(t, err, codes.Internal)
}

// TestReadsAreBounded: in what one answer gathers, also from several shards.
func TestReadsAreBounded(t *testing.T) {
	r := newReader(t)
	r.size = wire.MostAnswerBytes / 2
	f := newOffice(t, Options{})
	newPuppetAt(t, f, r.address)
	f.commits("one", 1)
	keys := [][]byte{[]byte("a"), []byte("b")}
	if out, err := f.client.Get(context1(t), &wirepb.GetRequest{Keys: keys}); err != nil || len(out.Values) != len(keys) {
		t.Errorf("as much as there may be: %v", err)
	}
	_, err := f.client.Get(context1(t), &wirepb.GetRequest{Keys: append(keys, []byte("c"))})
	wantCode(t, err, codes.ResourceExhausted)
	if !strings.Contains(err.Error(), "more than 32 MiB, which is the most that one read gives: read fewer keys") {
		t.Errorf("the client is told %v", err)
	}
}

// TestReadsOfLongKeysAreTaken: as many of them as there may be in the cluster, however
// long its keys may be.
func TestReadsOfLongKeysAreTaken(t *testing.T) {
	limits := protocol.DefaultLimits()
	limits.KeyBytes = 8 << 10
	f := newOffice(t, Options{Limits: limits})
	keys := make([][]byte, 700)
	for n := range keys {
		keys[n] = append(make([]byte, limits.KeyBytes-4), fmt.Sprintf("%04d", n)...)
	}
	for range 6 { // of what is too long there may be four at once
		if out, err := f.client.Get(context1(t), &wirepb.GetRequest{Keys: keys}); err != nil || len(out.Values) != len(keys) {
			t.Fatalf("%d values, %v", len(out.GetValues()), err)
		}
	}
	tooLong := [][]byte{make([]byte, mostKeys*limits.KeyBytes+2<<20)}
	if _, err := f.client.Get(context1(t), &wirepb.GetRequest{Keys: tooLong}); err == nil || !strings.Contains(err.Error(), "longer than any call of this method needs") {
		t.Errorf("a key that is too long: %v", err)
	}
}

// TestListsAreBounded: there are fewer blocks when they fill an answer, but always one.
func TestListsAreBounded(t *testing.T) {
	for _, test := range []struct {
		bytes int // of a block
		want  uint64
	}{{0, 10}, {wire.MostAnswerBytes/4 + 1, 4}, {wire.MostAnswerBytes + 1, 1}} {
		list, err := gather(3, 12, func(h protocol.Height) (*wirepb.Block, error) {
			return &wirepb.Block{Height: uint64(h), Outcomes: &wirepb.Outcomes{Codes: make([]byte, test.bytes)}}, nil
		})
		if err != nil || uint64(len(list)) != test.want || list[0].Height != 3 || list[test.want-1].Height != 2+test.want {
			t.Errorf("blocks of %d bytes: %d, %v", test.bytes, len(list), err)
		}
	}
	if list, err := gather(5, 4, nil); len(list) != 0 || err != nil {
		t.Errorf("no blocks: %v, %v", list, err)
	}
}

// TestReadsNameTheShardThatIsAway: the client is not told that it cannot reach the coordinator.
func TestReadsNameTheShardThatIsAway(t *testing.T) {
	f := newOffice(t, Options{})
	newPuppetAt(t, f, goneAddress(t))
	f.commits("one", 1)
	_, err := f.client.Get(context1(t), &wirepb.GetRequest{Keys: [][]byte{[]byte("a")}})
	wantCode(t, err, codes.Unavailable)
	if _, later := wire.RetryAfter(err); !later || !strings.Contains(err.Error(), "shard 0 does not answer at ") {
		t.Errorf("the client is told %v", err)
	}
}

// goneAddress is one at which nobody listens any more.
func goneAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestReadsWaitForTheShardToConnect(t *testing.T) {
	f := newOffice(t, Options{})
	p := newPuppet(t, f)
	f.commits("one", 1)
	p.stop()
	f.restart()
	_, err := f.client.Get(context1(t), &wirepb.GetRequest{Keys: [][]byte{[]byte("a")}})
	wantCode(t, err, codes.Unavailable)
}
