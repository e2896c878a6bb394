package wire_test

import (
	"bytes"
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"github.com/lockstep-exec/lockstep/protocol"
)

// sample is one envelope of each kind, for golden bytes and as fuzz seeds.
type sample struct {
	name string
	env  protocol.Envelope
}

func digest(b byte) (d protocol.Digest) {
	copy(d[:], bytes.Repeat([]byte{b}, len(d)))
	return d
}

func attempt(h protocol.Height, e protocol.Epoch, n uint32) protocol.AttemptID {
	return protocol.AttemptID{Height: h, Epoch: e, Attempt: n}
}

func config(shards int) protocol.Config {
	return protocol.Config{Cluster: protocol.ClusterID{1, 2, 3}, Slots: protocol.EvenSlots(shards), Limits: protocol.DefaultLimits()}
}

func someOutcomes(names ...string) protocol.Outcomes {
	o := protocol.NewOutcomes(len(names))
	for i, name := range names {
		if name == "" {
			continue
		}
		if err := o.Set(i, name); err != nil {
			panic(err)
		}
	}
	return o
}

func shardSamples() []sample {
	peers := []protocol.Peer{{Shard: 0, Address: "127.0.0.1:7501"}, {Shard: 1, Address: "[::1]:7502"}}
	committed := protocol.Committed{Attempt: attempt(7, 2, 1), Digest: digest(0xd1), Root: digest(0xd2)}
	return []sample{
		{"welcome", protocol.Envelope{Epoch: 3, Message: &protocol.Welcome{Config: config(2), Committed: 7, Peers: peers}}},
		{"welcome/first", protocol.Envelope{Epoch: 1, Message: &protocol.Welcome{Config: config(1)}}},
		{"peers", protocol.Envelope{Epoch: 3, Message: protocol.Peers{Peers: peers[1:]}}},
		{"execute", protocol.Envelope{Epoch: 3, Message: &protocol.Execute{
			Attempt: attempt(8, 3, 2), Parent: attempt(7, 2, 1), Block: digest(0xb1), SubBlock: subBlock()}}},
		{"execute/first", protocol.Envelope{Epoch: 1, Message: &protocol.Execute{
			Attempt: attempt(1, 1, 1), Block: digest(0xb1), SubBlock: make([]byte, 4)}}},
		{"commit", protocol.Envelope{Epoch: 3, Message: protocol.Commit{Committed: committed}}},
		{"abort", protocol.Envelope{Epoch: 3, Message: protocol.Abort{Attempt: attempt(8, 3, 2)}}},
		{"reject", protocol.Envelope{Epoch: 3, Message: protocol.Reject{Kind: protocol.RejectLostData, Reason: "shard 1 lost data"}}},
	}
}

func coordinatorSamples() []sample {
	yes := protocol.Vote{Attempt: attempt(8, 3, 2), Yes: true, Digest: digest(0xd3),
		Outcomes: someOutcomes("applied", "applied", "applied", "applied", "insufficient_funds", "", "applied")}
	no := protocol.Vote{Attempt: attempt(8, 3, 2), Refusal: protocol.Refusal{Reason: "no space left", Retry: true}}
	return []sample{
		{"hello", protocol.Envelope{Epoch: 3, Message: &protocol.Hello{
			Cluster: protocol.ClusterID{1, 2, 3}, Shard: 1, Shards: 2, Directory: protocol.DirectoryID{4}, Instance: protocol.InstanceID{5},
			Address: "127.0.0.1:7502", Epoch: 3, Committed: protocol.Committed{Attempt: attempt(7, 2, 1), Digest: digest(0xd1), Root: digest(0xd2)},
			Checkpointed: 5, Prepared: []protocol.Vote{yes}}}},
		{"hello/first", protocol.Envelope{Message: &protocol.Hello{Directory: protocol.DirectoryID{4}, Instance: protocol.InstanceID{5}}}},
		{"vote/yes", protocol.Envelope{Epoch: 3, Message: &yes}},
		{"vote/yes/runs", protocol.Envelope{Epoch: 3, Message: &protocol.Vote{Attempt: attempt(1, 1, 1), Yes: true,
			Outcomes: protocol.Outcomes{Names: []string{"applied"}, Codes: bytes.Repeat([]byte{1}, 300)}}}},
		{"vote/no", protocol.Envelope{Epoch: 3, Message: &no}},
		{"ack", protocol.Envelope{Epoch: 3, Message: protocol.Ack{Committed: 7, Checkpointed: 5}}},
		{"quarantined", protocol.Envelope{Epoch: 3, Message: protocol.Quarantined{Reason: "digests differ"}}},
	}
}

func subBlock() []byte {
	t := protocol.NewTransaction([]byte("pay"), []protocol.Access{{Key: []byte("a"), Mode: protocol.ReadWrite}})
	return protocol.EncodeSubBlock(protocol.SubBlock{{Index: 4, Transaction: t}})
}

// Generators of everything that a correct node may send.

func genAttempt(height *rapid.Generator[uint64]) *rapid.Generator[protocol.AttemptID] {
	return rapid.Custom(func(t *rapid.T) protocol.AttemptID {
		return attempt(protocol.Height(height.Draw(t, "height")), protocol.Epoch(rapid.Uint64Min(1).Draw(t, "epoch")), rapid.Uint32Min(1).Draw(t, "attempt"))
	})
}

var (
	anyHeight  = rapid.Uint64Min(1)
	genDigest  = rapid.Custom(func(t *rapid.T) (d protocol.Digest) { copy(d[:], genBytes(32).Draw(t, "digest")); return d })
	genText    = rapid.StringN(0, 200, 1000)
	genAddress = rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("%s:%d", rapid.StringMatching(`[a-z0-9.-]{0,60}`).Draw(t, "host"), rapid.Uint16().Draw(t, "port"))
	})
)

func genBytes(n int) *rapid.Generator[[]byte] { return rapid.SliceOfN(rapid.Byte(), n, n) }

func genID(t *rapid.T) (i [16]byte) {
	copy(i[:], genBytes(16).Draw(t, "id"))
	i[0] |= 1
	return i
}

var genOutcomes = rapid.Custom(func(t *rapid.T) protocol.Outcomes {
	names := rapid.SliceOfNDistinct(rapid.StringN(1, 16, 64), 0, 6, rapid.ID[string]).Draw(t, "names")
	var o protocol.Outcomes
	o.Names = append(o.Names, names...)
	for range rapid.IntRange(0, 8).Draw(t, "runs") {
		code := rapid.IntRange(0, len(names)).Draw(t, "code")
		o.Codes = append(o.Codes, bytes.Repeat([]byte{byte(code)}, rapid.IntRange(1, 300).Draw(t, "run"))...)
	}
	return o
})

func genVote(height *rapid.Generator[uint64]) *rapid.Generator[protocol.Vote] {
	return rapid.Custom(func(t *rapid.T) protocol.Vote {
		v := protocol.Vote{Attempt: genAttempt(height).Draw(t, "attempt"), Yes: rapid.Bool().Draw(t, "yes")}
		if v.Yes {
			v.Digest, v.Outcomes = genDigest.Draw(t, "digest"), genOutcomes.Draw(t, "outcomes")
		} else {
			v.Refusal = protocol.Refusal{Reason: genText.Draw(t, "reason"), Retry: rapid.Bool().Draw(t, "retry")}
		}
		return v
	})
}

var genCommitted = rapid.Custom(func(t *rapid.T) protocol.Committed {
	return protocol.Committed{Attempt: genAttempt(anyHeight).Draw(t, "attempt"), Digest: genDigest.Draw(t, "digest"), Root: genDigest.Draw(t, "root")}
})

func genPeers(shards int) *rapid.Generator[[]protocol.Peer] {
	return rapid.Custom(func(t *rapid.T) (peers []protocol.Peer) {
		for i := range rapid.IntRange(0, shards).Draw(t, "peers") {
			peers = append(peers, protocol.Peer{Shard: protocol.ShardID(i), Address: genAddress.Draw(t, "address")})
		}
		return peers
	})
}

var genToShard = rapid.Custom(func(t *rapid.T) protocol.Envelope {
	env := protocol.Envelope{Epoch: protocol.Epoch(rapid.Uint64Min(1).Draw(t, "epoch"))}
	switch rapid.IntRange(0, 5).Draw(t, "kind") {
	case 0:
		shards := rapid.IntRange(1, 40).Draw(t, "shards")
		env.Message = &protocol.Welcome{Config: config(shards), Committed: protocol.Height(rapid.Uint64().Draw(t, "committed")), Peers: genPeers(shards).Draw(t, "peers")}
	case 1:
		env.Message = protocol.Peers{Peers: genPeers(40).Draw(t, "peers")}
	case 2:
		x := &protocol.Execute{Attempt: genAttempt(anyHeight).Draw(t, "attempt"), Block: genDigest.Draw(t, "block"),
			SubBlock: rapid.SliceOfN(rapid.Byte(), 4, 200).Draw(t, "sub-block")}
		if below := uint64(x.Attempt.Height) - 1; below > 0 {
			x.Parent = genAttempt(rapid.Just(below)).Draw(t, "parent")
		}
		env.Message = x
	case 3:
		env.Message = protocol.Commit{Committed: genCommitted.Draw(t, "committed")}
	case 4:
		env.Message = protocol.Abort{Attempt: genAttempt(anyHeight).Draw(t, "attempt")}
	case 5:
		env.Message = protocol.Reject{Kind: protocol.RejectKind(rapid.IntRange(1, 5).Draw(t, "kind")), Reason: genText.Draw(t, "reason")}
	}
	return env
})

var genToCoordinator = rapid.Custom(func(t *rapid.T) protocol.Envelope {
	env := protocol.Envelope{Epoch: protocol.Epoch(rapid.Uint64().Draw(t, "epoch"))}
	switch rapid.IntRange(0, 3).Draw(t, "kind") {
	case 0:
		env.Message = genHello(t, env.Epoch)
	case 1:
		v := genVote(anyHeight).Draw(t, "vote")
		env.Message = &v
	case 2:
		env.Message = protocol.Ack{Committed: protocol.Height(rapid.Uint64().Draw(t, "committed")), Checkpointed: protocol.Height(rapid.Uint64().Draw(t, "checkpointed"))}
	case 3:
		env.Message = protocol.Quarantined{Reason: genText.Draw(t, "reason")}
	}
	return env
})

func genHello(t *rapid.T, epoch protocol.Epoch) *protocol.Hello {
	h := &protocol.Hello{
		Shard: protocol.ShardID(rapid.Uint32().Draw(t, "shard")), Directory: genID(t), Instance: genID(t),
		Address: genAddress.Draw(t, "address"), Epoch: epoch,
	}
	if rapid.Bool().Draw(t, "welcomed") {
		h.Cluster, h.Shards = genID(t), rapid.IntRange(1, 1024).Draw(t, "shards")
		h.Committed = genCommitted.Draw(t, "committed")
		h.Checkpointed = protocol.Height(rapid.Uint64Max(uint64(h.Committed.Height())).Draw(t, "checkpointed"))
		h.Prepared = rapid.SliceOfN(genVote(anyHeight), 1, 5).Draw(t, "prepared")
	}
	return h
}

// long is a text of n bytes.
func long(n int) string { return strings.Repeat("x", n) }
