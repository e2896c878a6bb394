package wire_test

import (
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

func TestClusterStatus(t *testing.T) {
	now := time.Unix(1000, 0)
	block := protocol.BlockStatus{Height: 21, Attempt: attempt(21, 3, 1), Key: "k", Phase: protocol.PhaseVoting, Missing: []protocol.ShardID{1}, Since: now.Add(-time.Second), UnderWay: now.Add(-time.Second)}
	level := protocol.ShardStatus{Joined: true, Connected: true, Known: true, Committed: 20, Checkpointed: 18, Address: "a:1", Digest: digest(9)}
	with := func(change func(*protocol.ShardStatus)) protocol.ShardStatus {
		s := level
		change(&s)
		return s
	}
	s := protocol.CoordinatorStatus{
		Config: config(8), Epoch: 3, Decided: &protocol.Decision{Attempt: attempt(20, 3, 1), Root: digest(7)},
		InFlight: []protocol.BlockStatus{block}, Queued: 4, QueueBytes: 99, Quarantine: errors.New("roots differ"),
		Shards: []protocol.ShardStatus{
			with(func(s *protocol.ShardStatus) { s.Prepared = []protocol.BlockStatus{block} }),
			with(func(s *protocol.ShardStatus) { s.Executing = true }),
			with(func(s *protocol.ShardStatus) { s.Committed = 2 }),
			with(func(s *protocol.ShardStatus) { s.Committed = 15 }),
			with(func(s *protocol.ShardStatus) { s.Connected = false }),
			with(func(s *protocol.ShardStatus) {
				s.Connected, s.Rejected = false, &protocol.Reject{Kind: protocol.RejectConfiguration, Reason: "wrong id"}
			}),
			with(func(s *protocol.ShardStatus) {
				s.Connected, s.Rejected = false, &protocol.Reject{Kind: protocol.RejectLostData, Reason: "lost"}
			}),
			with(func(s *protocol.ShardStatus) { s.Quarantined = "digests differ" }),
		},
	}
	got := wire.ClusterStatus(s, now)
	if _, err := proto.Marshal(got); err != nil {
		t.Fatal(err)
	}
	if got.Height != 20 || got.Root[0] != 7 || got.Epoch != 3 || got.QueuedBlocks != 4 || got.QueuedBytes != 99 || got.Quarantined != "roots differ" {
		t.Errorf("status %v", got)
	}
	if f := got.InFlight[0]; f.AgeMs != 1000 || f.Phase != "voting" || len(f.WaitingFor) != 1 {
		t.Errorf("in flight %v", f)
	}
	if p := got.Shards[0].Prepared; len(p) != 1 || p[0].AgeMs != 1000 {
		t.Errorf("prepared %v", p)
	}
	if last := got.Shards[7]; last.FirstSlot != 14336 || last.LastSlot != 16383 {
		t.Errorf("slots %d to %d", last.FirstSlot, last.LastSlot)
	}
	want := []struct {
		state  wirepb.ShardState
		reason string
	}{
		{wirepb.ShardState_SHARD_STATE_READY, ""},
		{wirepb.ShardState_SHARD_STATE_EXECUTING, ""},
		{wirepb.ShardState_SHARD_STATE_CATCHING_UP, ""},
		{wirepb.ShardState_SHARD_STATE_READY, ""}, // its acknowledgements are on their way
		{wirepb.ShardState_SHARD_STATE_DISCONNECTED, ""},
		{wirepb.ShardState_SHARD_STATE_DISCONNECTED, "wrong id"},
		{wirepb.ShardState_SHARD_STATE_QUARANTINED, "lost"},
		{wirepb.ShardState_SHARD_STATE_QUARANTINED, "digests differ"},
	}
	for i, w := range want {
		if s := got.Shards[i]; s.Id != uint32(i) || s.State != w.state || s.Reason != w.reason {
			t.Errorf("shard %d is %v (%q), want %v (%q)", i, s.State, s.Reason, w.state, w.reason)
		}
	}
}

func TestStatusBeforeTheFirstBlock(t *testing.T) {
	got := wire.ClusterStatus(protocol.CoordinatorStatus{Config: config(1), Epoch: 1, Shards: make([]protocol.ShardStatus, 1)}, time.Unix(0, 0))
	if got.Height != 0 || len(got.Root) != 32 || got.Shards[0].State != wirepb.ShardState_SHARD_STATE_DISCONNECTED || got.Shards[0].Directory != nil {
		t.Errorf("status %v", got)
	}
}

func TestSlotRange(t *testing.T) {
	slots := protocol.EvenSlots(3)
	next := uint32(0)
	for s := range protocol.ShardID(3) {
		first, last := wire.SlotRange(slots, s)
		if first != next || last < first {
			t.Errorf("shard %d has slots %d to %d", s, first, last)
		}
		next = last + 1
	}
	if next != protocol.SlotCount {
		t.Errorf("the last slot is %d", next-1)
	}
	if first, last := wire.SlotRange(slots, 3); first != 0 || last != 0 {
		t.Error("a shard that is not there has slots")
	}
}
