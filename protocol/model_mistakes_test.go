package protocol

import "testing"

// mistake is something a node could do wrong around the machines. The model
// test has to notice each of them, else it proves nothing.
type mistake int

const (
	noMistake         mistake = iota
	voteBeforeForce           // S1, S5: a shard goes on before its log is forced
	dropOnDisconnect          // S2: a shard gives up what is prepared when its session ends
	forgetEpoch               // S5: the highest epoch seen is not durable
	trimPrepared              // S7: the log is trimmed past Prepared records
	reuseEpoch                // C1: an incarnation takes the epoch of the one before
	noFence                   // C1: the log takes appends of a lower epoch
	commitBeforeForce         // C2: the decision is told before it is durable
	withdrawUnforced          // C5: the client is told before Withdrawn is durable
	forgetOnCommit            // C7: decisions are forgotten on the committed height
	lyingDisk                 // a disk loses records that it said were durable
)

func TestModelNoticesMistakes(t *testing.T) {
	names := []string{"voteBeforeForce", "dropOnDisconnect", "forgetEpoch", "trimPrepared",
		"reuseEpoch", "noFence", "commitBeforeForce", "withdrawUnforced", "forgetOnCommit"}
	for i, name := range names {
		m := noMistake + 1 + mistake(i)
		t.Run(name, func(t *testing.T) {
			for seed := uint64(1); seed < 5000; seed++ {
				if broken := runModel(seed, m, false, nil); broken != "" {
					t.Logf("seed %d: %s", seed, broken)
					return
				}
			}
			t.Fatal("not noticed")
		})
	}
}

// TestModelLyingDisk: no protocol can do without a shard's promise, but it can
// see to it that nobody else is led astray. Whatever a lying disk loses, no
// height is ever committed twice or otherwise (invariants 1, 2, 5 and 6); the
// shard is refused or stops, or has lost nothing that mattered.
func TestModelLyingDisk(t *testing.T) {
	for seed := uint64(1); seed <= uint64(*modelSeeds); seed++ {
		if broken := runModel(seed, lyingDisk, false, nil); broken != "" {
			runModel(seed, lyingDisk, true, t.Logf)
			t.Fatalf("seed %d: %s", seed, broken)
		}
	}
}

// dropEverything is what dropOnDisconnect does.
func (s *modelShard) dropEverything(ev Event) {
	if _, closed := ev.(Closed); !closed {
		return
	}
	s.p.held = nil
	s.staged, s.running = map[AttemptID]uint64{}, nil
}
