package executor

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
)

type evs = []protocol.Event

// TestTheLifeOfABlock shows every act in its order: nothing is sent before it
// is forced (S1, S5), and a commit rides with the next force.
func TestTheLifeOfABlock(t *testing.T) {
	a := newActor(t)
	a.does(evs{protocol.Opened{Session: 1}}, "send *protocol.Hello")
	a.does(evs{from(1, a.welcome())},
		"append protocol.Adopted", "append protocol.EpochSeen", "configure 2 shards", "sync", "peers [{1 there}]")
	a.does(evs{executes(at(1, 1), protocol.AttemptID{})}, "execute 1/1.1")
	a.does(evs{done(at(1, 1))}, "append *protocol.Prepared", "sync", "send *protocol.Vote")
	a.does(evs{commits(at(1, 1))}, "append protocol.CommittedRecord", "apply 1/1.1", "release 1", "send protocol.Ack")
	a.does(evs{protocol.Checkpointed{Height: 1}}, "send protocol.Ack")
	a.does(evs{from(1, protocol.Peers{Peers: []protocol.Peer{{Shard: 1, Address: "elsewhere"}}})}, "peers [{1 elsewhere}]")
	if p := a.records[2].(*protocol.Prepared); p.UnixMillis != 1_700_000_000_000 {
		t.Errorf("prepared at %d", p.UnixMillis)
	}
}

func TestManyEventsAreForcedOnce(t *testing.T) {
	a := newActor(t)
	a.welcomed()
	a.does(evs{executes(at(1, 1), protocol.AttemptID{}), executes(at(2, 1), at(1, 1)), executes(at(3, 1), at(2, 1))},
		"execute 1/1.1", "execute 2/1.1", "execute 3/1.1")
	a.does(evs{done(at(3, 1)), done(at(1, 1)), done(at(2, 1))},
		"append *protocol.Prepared", "append *protocol.Prepared", "append *protocol.Prepared", "sync",
		"send *protocol.Vote", "send *protocol.Vote", "send *protocol.Vote")
	a.does(evs{commits(at(1, 1)), commits(at(2, 1)), from(1, protocol.Abort{Attempt: at(3, 1)})},
		"append protocol.CommittedRecord", "append protocol.CommittedRecord", "drop 3",
		"apply 1/1.1", "release 1", "apply 2/1.1", "release 2", "send protocol.Ack", "send protocol.Ack", "send protocol.Ack")
}

// TestNothingLeavesAfterALogFailure is S9: whatever the log could not take
// never happened, for ever.
func TestNothingLeavesAfterALogFailure(t *testing.T) {
	for _, failing := range []string{"append", "sync"} {
		t.Run(failing, func(t *testing.T) {
			a := newActor(t)
			a.welcomed()
			a.handles(executes(at(1, 1), protocol.AttemptID{}))
			broken := errors.New("disk on fire")
			a.fails[failing] = broken
			err := a.Handle(done(at(1, 1)))
			if !errors.Is(err, ErrStopped) || !errors.Is(err, broken) {
				t.Fatalf("got %v", err)
			}
			for _, act := range a.took() {
				if strings.HasPrefix(act, "send") || strings.HasPrefix(act, "apply") {
					t.Errorf("the node did %q", act)
				}
			}
			a.fails = nil
			if again := a.Handle(commits(at(1, 1)), done(at(1, 1))); again != err {
				t.Errorf("later: %v", again)
			}
			if acts := a.took(); len(acts) > 0 {
				t.Errorf("later the node did %q", acts)
			}
			if s := a.Status(); s.Stopped == "" || s.Committed.Height() != 0 {
				t.Errorf("status %+v", s)
			}
		})
	}
}

func TestACommitThatTheStateRefusesStopsTheNode(t *testing.T) {
	a := newActor(t)
	a.welcomed()
	a.handles(executes(at(1, 1), protocol.AttemptID{}))
	a.handles(done(at(1, 1)))
	a.fails["commit"] = errors.New("out of order")
	if err := a.Handle(commits(at(1, 1))); !errors.Is(err, ErrStopped) {
		t.Fatalf("got %v", err)
	}
	if got := a.took(); !slices.Equal(got[:len(got)-1], []string{"append protocol.CommittedRecord"}) || !strings.HasPrefix(got[1], "close 1") {
		t.Errorf("the node did %q", got)
	}
}

// TestAFailureBesideTheLoopShowsInTheStatus: what stops the node need not be an
// event.
func TestAFailureBesideTheLoopShowsInTheStatus(t *testing.T) {
	a := newActor(t)
	a.welcomed()
	if err := a.stop(errors.New("checkpoint failed")); !errors.Is(err, ErrStopped) {
		t.Error(err)
	}
	if s := a.Status(); !strings.Contains(s.Stopped, "checkpoint failed") {
		t.Errorf("stopped %q", s.Stopped)
	}
}

// TestDivergenceQuarantines is S3: a Commit for what is not prepared here is no
// success. What came before it in the same batch is still owed.
func TestDivergenceQuarantines(t *testing.T) {
	a := newActor(t)
	a.welcomed()
	a.handles(executes(at(1, 1), protocol.AttemptID{}))
	a.does(evs{done(at(1, 1)), commits(at(1, 7)), protocol.Checkpointed{Height: 1}},
		"append *protocol.Prepared", "sync", "send *protocol.Vote", "send protocol.Quarantined", "close 1: quarantined")
	s := a.Status()
	if !strings.Contains(s.Quarantined, "1/1.7") || s.Committed.Height() != 0 {
		t.Errorf("quarantined %q at height %d", s.Quarantined, s.Committed.Height())
	}
	a.does(evs{commits(at(1, 1)), executes(at(1, 9), protocol.AttemptID{}), protocol.Opened{Session: 2}})
	a.does(evs{protocol.Closed{Session: 1}})
}

func TestStatusTellsWhatIsPrepared(t *testing.T) {
	a := newActor(t)
	a.welcomed()
	a.handles(executes(at(1, 1), protocol.AttemptID{}), executes(at(2, 1), at(1, 1)))
	a.handles(done(at(1, 1)))
	a.handles(executes(at(9, 1), at(8, 1)), protocol.Obstructed{Reason: "no space"})
	s := a.Status()
	if len(s.Prepared) != 1 {
		t.Fatalf("prepared %v", s.Prepared)
	}
	p := s.Prepared[0]
	if p.Attempt != at(1, 1) || !p.Since.Equal(time.UnixMilli(1_700_000_000_000)) || p.Sequence == 0 || p.Digest != s.Promised[0].Digest {
		t.Errorf("prepared %+v", p)
	}
	if len(s.Held) != 2 || !s.Welcomed || s.Obstructed != "no space" || s.Notes["refused_vote"] != 1 || s.Notes["epoch"] != 1 {
		t.Errorf("status %+v", s)
	}
	a.handles(from(1, protocol.Reject{Kind: protocol.RejectLostData, Reason: "you lost data"}))
	if s := a.Status(); s.Quarantined != "you lost data" {
		t.Errorf("quarantined %q", s.Quarantined)
	}
}

func TestPeersOfWhoIsNotBelievedAreNotMet(t *testing.T) {
	a := newActor(t)
	a.handles(protocol.Opened{Session: 1})
	stranger := a.welcome()
	stranger.Config = protocol.Config{Cluster: protocol.ClusterID{9}, Slots: protocol.EvenSlots(2), Limits: protocol.DefaultLimits()}
	a.handles(from(1, a.welcome()), protocol.Closed{Session: 1}, protocol.Opened{Session: 2})
	if err := a.Handle(from(2, stranger)); err != nil {
		t.Fatal(err)
	}
	for _, act := range a.took() {
		if strings.HasPrefix(act, "peers") {
			t.Errorf("the node did %q", act)
		}
	}
}
