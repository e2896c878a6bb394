package raftnet_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/coordinator/replica/raftnet"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// rogue speaks the service without a Transport.
func rogue(t *testing.T, to *host) wirepb.ReplicationServiceClient {
	t.Helper()
	c, err := rpc.Dial(string(to.address))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return wirepb.NewReplicationServiceClient(c)
}

func goodCaller() *wirepb.ReplicationCaller {
	directory := directoryOf("c1")
	return &wirepb.ReplicationCaller{
		Member: &wirepb.ReplicationMember{Name: "c1", Directory: directory[:], Address: "a:1"},
		Target: "c2",
	}
}

func TestMalformedCallers(t *testing.T) {
	to := startHost(t, "c2")
	to.answer(t, accepted)
	client := rogue(t, to)
	for name, spoil := range map[string]func(*wirepb.ReplicationCaller){
		"nobody":                   func(c *wirepb.ReplicationCaller) { c.Member = nil },
		"no name":                  func(c *wirepb.ReplicationCaller) { c.Member.Name = "" },
		"long name":                func(c *wirepb.ReplicationCaller) { c.Member.Name = strings.Repeat("c", 129) },
		"no address":               func(c *wirepb.ReplicationCaller) { c.Member.Address = "" },
		"no directory":             func(c *wirepb.ReplicationCaller) { c.Member.Directory = nil },
		"zero directory":           func(c *wirepb.ReplicationCaller) { c.Member.Directory = make([]byte, 16) },
		"short cluster":            func(c *wirepb.ReplicationCaller) { c.Member.Cluster = make([]byte, 15) },
		"short expected directory": func(c *wirepb.ReplicationCaller) { c.TargetDirectory = make([]byte, 15) },
	} {
		caller := goodCaller()
		spoil(caller)
		_, err := client.RequestVote(t.Context(), &wirepb.RequestVoteRequest{Caller: caller})
		if status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if peers := to.Peers(); len(peers) != 0 {
		t.Errorf("peers became known: %+v", peers)
	}
}

func TestHeartbeatWithEntriesIsRefused(t *testing.T) {
	to := startHost(t, "c2")
	to.answer(t, accepted)
	_, err := rogue(t, to).Heartbeat(t.Context(), &wirepb.HeartbeatRequest{Caller: goodCaller(), Head: &wirepb.AppendHead{Term: 1, Entries: 1, Bytes: 64}})
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("got %v", err)
	}
}

// talk opens a stream, sends frames and half closes; it gives the error with
// which the stream ends.
func talk(t *testing.T, to *host, frames ...*wirepb.AppendEntriesRequest) error {
	t.Helper()
	stream, err := rogue(t, to).AppendEntries(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, frame := range frames {
		if stream.Send(frame) != nil {
			break
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := stream.Recv(); err != nil {
			return err
		}
	}
}

func open() *wirepb.AppendEntriesRequest {
	return &wirepb.AppendEntriesRequest{Frame: &wirepb.AppendEntriesRequest_Open{Open: &wirepb.ReplicationOpen{Caller: goodCaller(), PatienceMillis: 1000}}}
}

func head(entries, bytes uint64) *wirepb.AppendEntriesRequest {
	return &wirepb.AppendEntriesRequest{Frame: &wirepb.AppendEntriesRequest_Head{Head: &wirepb.AppendHead{Term: 4, PreviousIndex: 10, PreviousTerm: 2, Entries: entries, Bytes: bytes}}}
}

func piece(data string) *wirepb.AppendEntriesRequest {
	return &wirepb.AppendEntriesRequest{Frame: &wirepb.AppendEntriesRequest_Data{Data: []byte(data)}}
}

func TestStreamsOfRubbish(t *testing.T) {
	to := startHost(t, "c2", func(o *raftnet.Options) { o.Stall = 200 * time.Millisecond })
	to.answer(t, func(r raft.RPC) (any, error) {
		t.Errorf("raft got %+v", r.Command)
		return accepted(r)
	})
	for name, test := range map[string]struct {
		frames []*wirepb.AppendEntriesRequest
		want   string
	}{
		"no open":       {[]*wirepb.AppendEntriesRequest{head(0, 0)}, "a name of 0 bytes"},
		"open twice":    {[]*wirepb.AppendEntriesRequest{open(), open()}, "an append has no term"},
		"empty frame":   {[]*wirepb.AppendEntriesRequest{open(), {}}, "an append has no term"},
		"no head":       {[]*wirepb.AppendEntriesRequest{open(), piece("a")}, "an append has no term"},
		"head twice":    {[]*wirepb.AppendEntriesRequest{open(), head(1, 64), head(1, 64)}, "in the middle of a request"},
		"stray data":    {[]*wirepb.AppendEntriesRequest{open(), head(1, 64), piece("a")}, "1 more bytes of an entry that lacks 0"},
		"ends too soon": {[]*wirepb.AppendEntriesRequest{open(), head(1, 64)}, "the stream ended in the middle of a request"},
	} {
		if err := talk(t, to, test.frames...); status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
}

// A caller that goes on sending nothing is given up, wherever it stops.
func TestStreamsThatStall(t *testing.T) {
	to := startHost(t, "c2", func(o *raftnet.Options) { o.Stall = 50 * time.Millisecond })
	for name, frames := range map[string][]*wirepb.AppendEntriesRequest{
		"before it opens": {},
		"in a request":    {open(), head(1, 64)},
	} {
		stream, err := rogue(t, to).AppendEntries(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, frame := range frames {
			if err := stream.Send(frame); err != nil {
				t.Fatal(err)
			}
		}
		for err == nil {
			_, err = stream.Recv()
		}
		if status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestRubbishSnapshots(t *testing.T) {
	to := startHost(t, "c2")
	to.answer(t, needed(installed))
	good := &wirepb.SnapshotHead{Term: 4, Version: 1, LastIndex: 9, LastTerm: 3, ConfigurationIndex: 1, Size: 3, ProtocolVersion: 3,
		Configuration: raft.EncodeConfiguration(raft.Configuration{})}
	spoiled := func(spoil func(*wirepb.SnapshotHead)) *wirepb.SnapshotHead {
		h := &wirepb.SnapshotHead{Term: good.Term, Version: good.Version, LastIndex: good.LastIndex, LastTerm: good.LastTerm,
			ConfigurationIndex: good.ConfigurationIndex, Size: good.Size, ProtocolVersion: good.ProtocolVersion, Configuration: good.Configuration}
		spoil(h)
		return h
	}
	for name, test := range map[string]struct {
		head *wirepb.SnapshotHead
		data string
		want string
	}{
		"no head":         {nil, "", "a leader without a term"},
		"no entry":        {spoiled(func(h *wirepb.SnapshotHead) { h.LastIndex = 0 }), "abc", "up to entry 0"},
		"later term":      {spoiled(func(h *wirepb.SnapshotHead) { h.LastTerm = 5 }), "abc", "of term 5"},
		"later members":   {spoiled(func(h *wirepb.SnapshotHead) { h.ConfigurationIndex = 10 }), "abc", "as of entry 10"},
		"old version":     {spoiled(func(h *wirepb.SnapshotHead) { h.Version = 0 }), "abc", "version 0"},
		"negative size":   {spoiled(func(h *wirepb.SnapshotHead) { h.Size = 1 << 63 }), "abc", "a snapshot of 9223372036854775808 bytes"},
		"broken members":  {spoiled(func(h *wirepb.SnapshotHead) { h.Configuration = []byte{0xff, 1} }), "abc", "cannot be decoded"},
		"large members":   {spoiled(func(h *wirepb.SnapshotHead) { h.Configuration = make([]byte, 64<<10+1) }), "abc", "a configuration of 65537 bytes"},
		"too much data":   {good, "abcd", "4 bytes of a snapshot of which 3 are missing"},
		"too little data": {good, "ab", "the stream ended in the middle"},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		stream, err := rogue(t, to).InstallSnapshot(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, frame := range []*wirepb.InstallSnapshotRequest{
			{Frame: &wirepb.InstallSnapshotRequest_Open{Open: &wirepb.ReplicationOpen{Caller: goodCaller()}}},
			{Frame: &wirepb.InstallSnapshotRequest_Head{Head: test.head}},
			{Frame: &wirepb.InstallSnapshotRequest_Data{Data: []byte(test.data)}},
		} {
			if stream.Send(frame) != nil {
				break
			}
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = stream.Recv()
		}
		if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
		cancel()
	}
}

// Whoever calls under many names is remembered up to a bound.
func TestPeersAreBounded(t *testing.T) {
	to := startHost(t, "c2")
	client := rogue(t, to)
	for i := range 200 {
		caller := goodCaller()
		caller.Target = "c9"
		caller.Member.Name = strings.Repeat("x", 1+i%100) + string(rune('a'+i/100))
		if _, err := client.RequestVote(t.Context(), &wirepb.RequestVoteRequest{Caller: caller}); status.Code(err) != codes.FailedPrecondition {
			t.Fatal(err)
		}
	}
	if n := len(to.Peers()); n != 64 {
		t.Errorf("%d peers are remembered, want 64", n)
	}
}
