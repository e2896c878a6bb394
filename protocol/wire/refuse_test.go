package wire_test

import (
	"bytes"
	"errors"
	"runtime"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

func sampleToShard(t *testing.T, name string) *wirepb.ToShard {
	t.Helper()
	m := &wirepb.ToShard{}
	unmarshalSample(t, shardSamples(), name, m)
	return m
}

func sampleToCoordinator(t *testing.T, name string) *wirepb.ToCoordinator {
	t.Helper()
	m := &wirepb.ToCoordinator{}
	unmarshalSample(t, coordinatorSamples(), name, m)
	return m
}

func unmarshalSample(t *testing.T, samples []sample, name string, m proto.Message) {
	t.Helper()
	for _, s := range samples {
		if s.name == name {
			_, data, err := wire.Marshal(s.env)
			if err != nil {
				t.Fatal(err)
			}
			if err := proto.Unmarshal(data, m); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("no sample %s", name)
}

func bytesOf(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Each case spoils one thing of a sound message.
func TestRefusedToShard(t *testing.T) {
	for _, c := range []struct {
		name, sample string
		spoil        func(m *wirepb.ToShard)
		want         error
	}{
		{"epoch 0", "commit", func(m *wirepb.ToShard) { m.Epoch = 0 }, wire.ErrMalformed},
		{"no message", "commit", func(m *wirepb.ToShard) { m.Message = nil }, wire.ErrMalformed},
		{"commit without state", "commit", func(m *wirepb.ToShard) { m.GetCommit().Committed = nil }, wire.ErrMalformed},
		{"commit without attempt", "commit", func(m *wirepb.ToShard) { m.GetCommit().Committed.Attempt = nil }, wire.ErrMalformed},
		{"commit at height 0", "commit", func(m *wirepb.ToShard) { m.GetCommit().Committed.Attempt.Height = 0 }, wire.ErrMalformed},
		{"short digest", "commit", func(m *wirepb.ToShard) { m.GetCommit().Committed.Digest = make([]byte, 31) }, wire.ErrMalformed},
		{"long root", "commit", func(m *wirepb.ToShard) { m.GetCommit().Committed.Root = make([]byte, 33) }, wire.ErrMalformed},
		{"abort of nothing", "abort", func(m *wirepb.ToShard) { m.GetAbort().Attempt = nil }, wire.ErrMalformed},
		{"abort of attempt 0", "abort", func(m *wirepb.ToShard) { m.GetAbort().Attempt.Attempt = 0 }, wire.ErrMalformed},
		{"abort of epoch 0", "abort", func(m *wirepb.ToShard) { m.GetAbort().Attempt.Epoch = 0 }, wire.ErrMalformed},
		{"execute without parent", "execute", func(m *wirepb.ToShard) { m.GetExecute().Parent = nil }, wire.ErrMalformed},
		{"parent too low", "execute", func(m *wirepb.ToShard) { m.GetExecute().Parent.Height-- }, wire.ErrMalformed},
		{"parent at its own height", "execute", func(m *wirepb.ToShard) { m.GetExecute().Parent.Height++ }, wire.ErrMalformed},
		{"parent of attempt 0", "execute", func(m *wirepb.ToShard) { m.GetExecute().Parent.Attempt = 0 }, wire.ErrMalformed},
		{"parent below height 1", "execute/first", func(m *wirepb.ToShard) { m.GetExecute().Parent = &wirepb.AttemptID{Epoch: 1, Attempt: 1} }, wire.ErrMalformed},
		{"no block id", "execute", func(m *wirepb.ToShard) { m.GetExecute().BlockId = nil }, wire.ErrMalformed},
		{"no sub-block", "execute", func(m *wirepb.ToShard) { m.GetExecute().SubBlock = nil }, wire.ErrMalformed},
		{"reject of no kind", "reject", func(m *wirepb.ToShard) { m.GetReject().Kind = 0 }, wire.ErrMalformed},
		{"reject of an unknown kind", "reject", func(m *wirepb.ToShard) { m.GetReject().Kind = 99 }, wire.ErrMalformed},
		{"reject of a kind that wraps", "reject", func(m *wirepb.ToShard) { m.GetReject().Kind = 257 }, wire.ErrMalformed},
		{"long reason", "reject", func(m *wirepb.ToShard) { m.GetReject().Reason = long(wire.MaxReasonBytes + 1) }, wire.ErrTooLarge},
		{"welcome without configuration", "welcome", func(m *wirepb.ToShard) { m.GetWelcome().Config = nil }, wire.ErrMalformed},
		{"welcome without cluster", "welcome", func(m *wirepb.ToShard) { m.GetWelcome().Config.Cluster = make([]byte, 16) }, wire.ErrMalformed},
		{"welcome without slots", "welcome", func(m *wirepb.ToShard) { m.GetWelcome().Config.SlotStarts = nil }, wire.ErrMalformed},
		{"slots out of order", "welcome", func(m *wirepb.ToShard) { m.GetWelcome().Config.SlotStarts = []uint32{0, 9, 9} }, wire.ErrMalformed},
		{"slot that wraps", "welcome", func(m *wirepb.ToShard) { m.GetWelcome().Config.SlotStarts = []uint32{0, 1<<16 + 5} }, wire.ErrMalformed},
		{"too many shards", "welcome", func(m *wirepb.ToShard) { m.GetWelcome().Config.SlotStarts = make([]uint32, 1025) }, wire.ErrMalformed},
		{"no limits", "welcome", func(m *wirepb.ToShard) { m.GetWelcome().Config.Limits = nil }, wire.ErrMalformed},
		{"peer that the cluster does not have", "welcome", func(m *wirepb.ToShard) { m.GetWelcome().Peers[1].Shard = 2 }, wire.ErrMalformed},
		{"peer that was not there", "peers", func(m *wirepb.ToShard) { m.GetPeers().Peers[0].Shard = 2 }, wire.ErrMalformed},
		{"more peers than shards", "peers", func(m *wirepb.ToShard) { m.GetPeers().Peers = make([]*wirepb.Peer, 3) }, wire.ErrMalformed},
		{"address with a line break", "peers", func(m *wirepb.ToShard) { m.GetPeers().Peers[0].Address = "a\nb" }, wire.ErrMalformed},
		{"long address", "peers", func(m *wirepb.ToShard) { m.GetPeers().Peers[0].Address = long(wire.MaxAddressBytes + 1) }, wire.ErrTooLarge},
	} {
		m := sampleToShard(t, c.sample)
		c.spoil(m)
		if env, err := wire.UnmarshalToShard(bytesOf(t, m), wire.Bounds{Shards: 2}); !errors.Is(err, c.want) || env.Message != nil {
			t.Errorf("%s: got %v, %v", c.name, env.Message, err)
		}
	}
}

func TestRefusedToCoordinator(t *testing.T) {
	outcomes := func(m *wirepb.ToCoordinator) *wirepb.VoteOutcomes { return m.GetVote().GetPrepared().Outcomes }
	for _, c := range []struct {
		name, sample string
		spoil        func(m *wirepb.ToCoordinator)
		want         error
	}{
		{"no message", "ack", func(m *wirepb.ToCoordinator) { m.Message = nil }, wire.ErrMalformed},
		{"vote on nothing", "vote/no", func(m *wirepb.ToCoordinator) { m.GetVote().Attempt = nil }, wire.ErrMalformed},
		{"vote without answer", "vote/no", func(m *wirepb.ToCoordinator) { m.GetVote().Answer = nil }, wire.ErrMalformed},
		{"vote without digest", "vote/yes", func(m *wirepb.ToCoordinator) { m.GetVote().GetPrepared().Digest = nil }, wire.ErrMalformed},
		{"long reason", "vote/no", func(m *wirepb.ToCoordinator) { m.GetVote().GetRefused().Reason = long(wire.MaxReasonBytes + 1) }, wire.ErrTooLarge},
		{"code without name", "vote/yes", func(m *wirepb.ToCoordinator) { outcomes(m).Codes[0] = 3 }, wire.ErrMalformed},
		{"name twice", "vote/yes", func(m *wirepb.ToCoordinator) { outcomes(m).Names[1] = outcomes(m).Names[0] }, wire.ErrMalformed},
		{"empty name", "vote/yes", func(m *wirepb.ToCoordinator) { outcomes(m).Names[1] = nil }, wire.ErrMalformed},
		{"long name", "vote/yes", func(m *wirepb.ToCoordinator) { outcomes(m).Names[1] = make([]byte, 65) }, wire.ErrMalformed},
		{"many names", "vote/yes", func(m *wirepb.ToCoordinator) { outcomes(m).Names = make([][]byte, 256) }, wire.ErrMalformed},
		{"many outcomes", "vote/yes", func(m *wirepb.ToCoordinator) { outcomes(m).Codes, outcomes(m).Runs = make([]byte, 301), nil }, wire.ErrTooLarge},
		{"runs that do not fit", "vote/yes/runs", func(m *wirepb.ToCoordinator) { outcomes(m).Runs = append(outcomes(m).Runs, 1) }, wire.ErrMalformed},
		{"empty run", "vote/yes/runs", func(m *wirepb.ToCoordinator) { outcomes(m).Runs[0] = 0 }, wire.ErrMalformed},
		{"runs over the limit", "vote/yes/runs", func(m *wirepb.ToCoordinator) { outcomes(m).Runs[0] = 301 }, wire.ErrTooLarge},
		{"runs that overflow", "vote/yes/runs", func(m *wirepb.ToCoordinator) {
			outcomes(m).Codes, outcomes(m).Runs = []byte{1, 1, 1}, []uint32{1<<32 - 1, 1<<32 - 1, 2}
		}, wire.ErrTooLarge},
		{"short cluster", "hello", func(m *wirepb.ToCoordinator) { m.GetHello().Cluster = make([]byte, 15) }, wire.ErrMalformed},
		{"no directory", "hello", func(m *wirepb.ToCoordinator) { m.GetHello().Directory = nil }, wire.ErrMalformed},
		{"long instance", "hello", func(m *wirepb.ToCoordinator) { m.GetHello().Instance = make([]byte, 17) }, wire.ErrMalformed},
		{"nothing committed", "hello", func(m *wirepb.ToCoordinator) { m.GetHello().Committed = nil }, wire.ErrMalformed},
		{"checkpoint above commit", "hello", func(m *wirepb.ToCoordinator) { m.GetHello().Checkpointed = 8 }, wire.ErrMalformed},
		{"prepared without attempt", "hello", func(m *wirepb.ToCoordinator) { m.GetHello().Prepared[0].Attempt = nil }, wire.ErrMalformed},
		{"many prepared", "hello", func(m *wirepb.ToCoordinator) {
			for range wire.MaxPrepared {
				m.GetHello().Prepared = append(m.GetHello().Prepared, m.GetHello().Prepared[0])
			}
		}, wire.ErrTooLarge},
		{"many outcomes in all", "hello", func(m *wirepb.ToCoordinator) {
			full := m.GetHello().Prepared[0]
			full.GetPrepared().Outcomes.Codes, full.GetPrepared().Outcomes.Runs = []byte{1}, []uint32{300}
			for range 64 {
				m.GetHello().Prepared = append(m.GetHello().Prepared, full)
			}
		}, wire.ErrTooLarge},
	} {
		m := sampleToCoordinator(t, c.sample)
		c.spoil(m)
		if env, err := wire.UnmarshalToCoordinator(bytesOf(t, m), wire.Bounds{Transactions: 300}); !errors.Is(err, c.want) || env.Message != nil {
			t.Errorf("%s: got %v, %v", c.name, env.Message, err)
		}
	}
}

// A message of an unknown kind, from a newer version, is refused; an unknown
// field beside a known message is not.
func TestUnknownFields(t *testing.T) {
	kind := protowire.AppendString(protowire.AppendTag(nil, 15, protowire.BytesType), "news")
	unknown := protowire.AppendString(protowire.AppendTag(nil, 16, protowire.BytesType), "news")
	if _, err := wire.UnmarshalToShard(append(bytesOf(t, &wirepb.ToShard{Epoch: 1}), kind...), wire.Bounds{}); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("message of an unknown kind: %v", err)
	}
	if _, err := wire.UnmarshalToShard(append(bytesOf(t, sampleToShard(t, "commit")), unknown...), wire.Bounds{}); err != nil {
		t.Errorf("unknown field: %v", err)
	}
}

// Protobuf would merge two messages of one kind into one that nobody sent.
func TestFieldTwice(t *testing.T) {
	b := bytesOf(t, sampleToShard(t, "commit"))
	if _, err := wire.UnmarshalToShard(append(b, b...), wire.Bounds{}); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("two commits in one message: %v", err)
	}
	other := bytesOf(t, &wirepb.ToShard{Message: sampleToShard(t, "abort").Message})
	if _, err := wire.UnmarshalToShard(append(b, other...), wire.Bounds{}); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a commit and an abort in one message: %v", err)
	}
}

// Many tiny parts must not become many large structures before they are refused.
func TestTinyPartsCostNothing(t *testing.T) {
	part := func(n protowire.Number, content []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, n, protowire.BytesType), content)
	}
	empties := bytes.Repeat(part(9, nil), 4<<20) // Hello.prepared
	peers := bytes.Repeat(part(1, nil), 4<<20)   // Peers.peers
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := wire.UnmarshalToCoordinator(part(2, empties), wire.Bounds{}); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("many prepared votes: %v", err)
	}
	if _, err := wire.UnmarshalToShard(part(3, peers), wire.Bounds{}); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("many peers: %v", err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
		t.Errorf("%d bytes were allocated", grown)
	}
}
