package coordinator

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lockstep-exec/lockstep/protocol"
)

var testConfig = protocol.Config{Cluster: protocol.ClusterID{1}, Slots: protocol.EvenSlots(1), Limits: protocol.DefaultLimits()}

// scribe writes a log as a coordinator would: proposals on top, decisions at
// the bottom, withdrawals anywhere.
type scribe struct {
	positions *Positions
	records   []protocol.Record
	pending   []*protocol.Proposed
	decided   []*protocol.Decision // by height - 1
	proposed  int
}

func (s *scribe) write(records ...protocol.Record) {
	_ = s.positions.append(records, func() (uint64, error) {
		s.records = append(s.records, records...)
		return uint64(len(s.records)-len(records)) + 1, nil
	})
}

func (s *scribe) propose() {
	s.proposed++
	key := fmt.Sprintf("block%d", s.proposed)
	p := &protocol.Proposed{Height: protocol.Height(len(s.decided) + len(s.pending) + 1), Epoch: 1, Key: key, Block: protocol.BlockID(key, nil)}
	s.pending = append(s.pending, p)
	s.write(p)
}

func (s *scribe) withdraw(i int) {
	s.write(protocol.Withdrawn{Height: protocol.Height(len(s.decided) + i + 1), Key: s.pending[i].Key})
	s.pending = slices.Delete(s.pending, i, i+1)
}

func (s *scribe) decide() {
	p := s.pending[0]
	d := next(s.decided, p.Key)
	s.pending = s.pending[1:]
	s.decided = append(s.decided, d)
	s.write(d)
}

// next gives the decision that follows others.
func next(below []*protocol.Decision, key string) *protocol.Decision {
	h := protocol.Height(len(below) + 1)
	d := &protocol.Decision{
		Attempt: protocol.AttemptID{Height: h, Epoch: 1, Attempt: 1}, Key: key, Block: protocol.BlockID(key, nil),
		Digests: []protocol.Digest{{byte(h)}}, Outcomes: protocol.NewOutcomes(0),
	}
	var root protocol.Digest
	if h > 1 {
		d.Parent, root = below[h-2].Attempt, below[h-2].Root
	}
	d.Root = protocol.ChainRoot(root, h, d.Block, d.Digests)
	return d
}

func replayed(t *rapid.T, from protocol.CoordinatorState, records []protocol.Record) protocol.CoordinatorState {
	r := protocol.NewCoordinatorRecovery(from)
	for i, rec := range records {
		if err := r.Add(rec); err != nil {
			t.Fatalf("record %d of %d: %v", i, len(records), err)
		}
	}
	state, err := r.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// TestReplayFromKeepGivesTheSameState is C7: a log that is trimmed to what
// keep says, on top of a history, brings back what the whole log does.
func TestReplayFromKeepGivesTheSameState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &scribe{positions: newPositions()}
		s.write(protocol.Created{Config: testConfig}, protocol.EpochClaimed{Epoch: 1})
		var lowest, kept protocol.Height
		keep := uint64(1)
		from := protocol.CoordinatorState{Config: testConfig}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0, 1:
				s.propose()
			case 2:
				if len(s.pending) > 0 {
					s.decide()
				}
			case 3:
				if len(s.pending) > 0 {
					s.withdraw(rapid.IntRange(0, len(s.pending)-1).Draw(t, "withdraw"))
				}
				if rapid.IntRange(0, 9).Draw(t, "more") == 0 {
					s.write(protocol.Joined{Shard: 0, Directory: protocol.DirectoryID{1}}, protocol.EpochClaimed{Epoch: protocol.Epoch(len(s.records))})
				}
			case 4: // the history takes decisions, and the log is trimmed behind
				kept = protocol.Height(rapid.IntRange(int(kept), len(s.decided)).Draw(t, "kept"))
				lowest = protocol.Height(rapid.IntRange(int(lowest), int(kept+1)).Draw(t, "lowest"))
				k := s.positions.keep(lowest, uint64(len(s.records))+1)
				if k < keep {
					t.Fatalf("keep goes back from %d to %d", keep, k)
				}
				keep = k
				from.Epoch, from.Joined = s.positions.standing()
				if kept > 0 {
					from.Decided = s.decided[kept-1]
				}
			}
		}
		whole := replayed(t, protocol.CoordinatorState{Config: testConfig}, s.records)
		part := replayed(t, from, s.records[keep-1:])
		if part.Epoch != whole.Epoch || !maps.Equal(part.Joined, whole.Joined) || !part.Config.Equal(whole.Config) {
			t.Fatalf("replayed from %d: %+v, whole: %+v", keep, part, whole)
		}
		if part.Decided != whole.Decided || len(part.Decisions) != len(s.decided)-int(kept) {
			t.Fatalf("replayed from %d: decided %v and %d above the history, want %v and %d", keep, part.Decided, len(part.Decisions), whole.Decided, len(s.decided)-int(kept))
		}
		have := map[protocol.Height]bool{}
		for _, d := range append(part.Older, part.Decisions...) {
			have[d.Height()] = true
		}
		for h := max(lowest, 1); h <= protocol.Height(len(s.decided)); h++ {
			if !have[h] {
				t.Fatalf("replayed from %d: height %d is not there, and a resync may ask from %d", keep, h, lowest)
			}
		}
		if !slices.EqualFunc(part.Pending, whole.Pending, func(a, b *protocol.Proposed) bool { return a.Key == b.Key && a.Height == b.Height }) ||
			len(part.Pending) != len(s.pending) {
			t.Fatalf("replayed from %d: pending %v, whole %v", keep, part.Pending, whole.Pending)
		}
	})
}

func TestPositionsOfWhatWasNotWrittenAreNotNoted(t *testing.T) {
	p := newPositions()
	failed := errors.New("disk on fire")
	err := p.append([]protocol.Record{&protocol.Proposed{Height: 1, Key: "a"}}, func() (uint64, error) { return 0, failed })
	if !errors.Is(err, failed) || p.keep(0, 7) != 7 {
		t.Errorf("%v, keep %d", err, p.keep(0, 7))
	}
}
