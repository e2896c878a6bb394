package executor

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lockstep-exec/lockstep/protocol"
)

// position asks for a checkpoint of a height.
func (a *actor) position(upTo protocol.Height) (keep, forced uint64) {
	a.t.Helper()
	p, _, _, err := a.Position(upTo)
	if err != nil {
		a.t.Fatal(err)
	}
	if got := a.took(); !slices.Equal(got, []string{"sync"}) {
		a.t.Fatalf("a checkpoint did %q", got)
	}
	return p.Keep, p.Forced
}

// TestCheckpointsKeepWhatIsPrepared is S7: never past a Prepared record above
// the checkpoint, and only after a force.
func TestCheckpointsKeepWhatIsPrepared(t *testing.T) {
	a := newActor(t)
	a.welcomed() // records 1 and 2
	if keep, forced := a.position(0); keep != 3 || forced != 2 {
		t.Errorf("keep %d, forced %d", keep, forced)
	}
	a.handles(executes(at(1, 1), protocol.AttemptID{}), executes(at(2, 1), at(1, 1)))
	a.handles(done(at(1, 1)), done(at(2, 1))) // records 3 and 4
	a.handles(commits(at(1, 1)))              // record 5
	for _, want := range []struct {
		upTo protocol.Height
		keep uint64
	}{{0, 3}, {1, 4}, {2, 6}} {
		if keep, forced := a.position(want.upTo); keep != want.keep || forced != 5 {
			t.Errorf("checkpoint of %d: keep %d, forced %d", want.upTo, keep, forced)
		}
	}
	a.handles(from(1, protocol.Abort{Attempt: at(2, 1)}))
	if keep, _ := a.position(1); keep != 6 {
		t.Errorf("what is dropped is still kept from %d", keep)
	}
	a.Checkpointed(1)
	if keep, _ := a.position(0); keep != 6 {
		t.Errorf("what is checkpointed is still kept from %d", keep)
	}
	a.fails["sync"] = errors.New("disk on fire")
	if _, _, _, err := a.Position(1); err == nil {
		t.Error("a checkpoint without a force")
	}
}

// TestReplayFromKeepLosesNothing: at any time, a replay of the records from
// Keep on top of the checkpoint gives what the node knew.
func TestReplayFromKeepLosesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a := newActor(t)
		a.welcomed()
		attempt := uint32(0)
		checkpoint, epoch, config := protocol.Committed{}, protocol.Epoch(0), protocol.Config{}
		keep := uint64(1)
		commit := map[protocol.Height]protocol.Committed{0: {}}
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			s := a.Status()
			top := s.Committed.Height() + protocol.Height(len(s.Held))
			switch rapid.IntRange(0, 4).Draw(rt, "step") {
			case 0: // one more, or one anew
				h := s.Committed.Height() + 1 + protocol.Height(rapid.IntRange(0, len(s.Held)).Draw(rt, "height"))
				if h > top+1 {
					continue
				}
				attempt++
				parent := s.Committed.Attempt
				if h > s.Committed.Height()+1 {
					parent = s.Held[h-s.Committed.Height()-2].Attempt
				}
				a.handles(executes(at(h, attempt), parent))
			case 1:
				if len(s.Held) > 0 {
					a.handles(done(s.Held[rapid.IntRange(0, len(s.Held)-1).Draw(rt, "done")].Attempt))
				}
			case 2:
				if len(s.Prepared) > 0 && s.Prepared[0].Attempt.Height == s.Committed.Height()+1 {
					a.handles(commits(s.Prepared[0].Attempt))
					commit[s.Prepared[0].Attempt.Height] = protocol.Committed{Attempt: s.Prepared[0].Attempt}
				}
			case 3:
				if len(s.Held) > 0 {
					a.handles(from(1, protocol.Abort{Attempt: s.Held[rapid.IntRange(0, len(s.Held)-1).Draw(rt, "abort")].Attempt}))
				}
			case 4:
				upTo := protocol.Height(rapid.IntRange(int(checkpoint.Height()), int(s.Committed.Height())).Draw(rt, "checkpoint"))
				p, c, e, err := a.Position(upTo)
				if err != nil {
					rt.Fatal(err)
				}
				checkpoint, config, epoch, keep = commit[upTo], c, e, p.Keep
				a.Checkpointed(upTo)
			}
		}
		recovery := protocol.NewShardRecovery(config, epoch, checkpoint)
		for _, r := range a.records[keep-1:] {
			if err := recovery.Add(r); err != nil {
				rt.Fatalf("replay from %d: %v", keep, err)
			}
		}
		got, err := recovery.Finish()
		if err != nil {
			rt.Fatal(err)
		}
		now := a.Status()
		if got.Committed != now.Committed || got.Epoch != now.Epoch || !got.Config.Equal(now.Config) {
			rt.Fatalf("replayed %+v, the node knew %+v", got, now)
		}
		// Drops are not logged, so a replay may bring back more; what the node
		// holds prepared it must bring back.
		for i, p := range now.Prepared {
			if i >= len(got.Prepared) || got.Prepared[i].Attempt != p.Attempt {
				rt.Fatalf("attempt %s is prepared, and was not replayed", p.Attempt)
			}
		}
	})
}
