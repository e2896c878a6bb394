package executor

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lockstep-exec/lockstep/protocol"
)

// TestManyKeysAreReadInPieces: the last piece to be done begins the run.
func TestManyKeysAreReadInPieces(t *testing.T) {
	c := testConfig(1)
	var block []protocol.Transaction
	want, state := NewSequential(mixer, c.Limits), newMemory()
	for i := range 3 * parallelReads {
		key := fmt.Sprintf("key%d", i)
		state.bottom[key], want.state[key] = []byte(key), []byte(key)
		block = append(block, txn("a", "x:"+key))
	}
	before := clone(want, c)
	outcomes, err := want.Execute(block)
	if err != nil {
		t.Fatal(err)
	}
	sub := protocol.EncodeSubBlock(subBlocks(block, c.Slots)[0])
	rapid.Check(t, func(t *rapid.T) {
		s := &piecesInHand{}
		var results []protocol.Result
		r := NewRunner(RunnerParts{
			Machine: mixer, Staging: state, Pusher: newLine(), Schedule: s, Now: fixedNow,
			Report: func(e protocol.Executed) { results = append(results, e.Result) },
		}, RunnerOptions{Workers: 3})
		r.Configure(c)
		r.Execute(&protocol.Execute{Attempt: at(1, 1), SubBlock: sub})
		most := 0
		for ; len(s.pieces) > 0; most = max(most, len(s.pieces)) {
			s.run(rapid.IntRange(0, len(s.pieces)-1).Draw(t, "piece"))
		}
		if most < 2 || len(results) != 1 {
			t.Fatalf("%d pieces at once, %d results", most, len(results))
		}
		check(t, c, block, before, want, outcomes, results)
		r.Drop(1)
	})
}

// TestPiecesEndByThemselves: a piece of which nothing is wanted any more asks
// for no other, and reports nothing.
func TestPiecesEndByThemselves(t *testing.T) {
	c := testConfig(2)
	block, values := cross(c, "v")
	sub := protocol.EncodeSubBlock(subBlocks(block, c.Slots)[0])
	for name, end := range map[string]func(*Runner){
		"drop":   func(r *Runner) { r.Drop(1) },
		"commit": func(r *Runner) { r.Commit(1) },
		"close":  func(r *Runner) { r.Close() },
		"a newer attempt": func(r *Runner) {
			r.Execute(&protocol.Execute{Attempt: at(1, 2), SubBlock: []byte("nonsense")})
		},
	} {
		t.Run(name, func(t *testing.T) {
			for pieces := range 6 { // how far it comes before
				s := &piecesInHand{}
				var told []protocol.AttemptID
				r := NewRunner(RunnerParts{
					Machine: mixer, Staging: newMemory(), Pusher: newLine(), Schedule: s, Now: fixedNow,
					Report: func(e protocol.Executed) { told = append(told, e.Attempt) },
				}, RunnerOptions{})
				r.Configure(c)
				r.Execute(&protocol.Execute{Attempt: at(1, 1), SubBlock: sub})
				if err := r.Deliver(1, at(1, 1), values); err != nil {
					t.Fatal(err)
				}
				for range pieces {
					if len(s.pieces) > 0 {
						s.run(0)
					}
				}
				told = nil
				end(r)
				for range len(s.pieces) {
					s.run(0)
				}
				if slices.Contains(told, at(1, 1)) || len(s.pieces) > 0 {
					t.Errorf("ended after %d pieces, it asks for %d more, and reports %v", pieces, len(s.pieces), told)
				}
			}
		})
	}
}

// TestTheResultWaitsForAllWorkers: one worker finds a panic while another one
// is still at work.
func TestTheResultWaitsForAllWorkers(t *testing.T) {
	s := &piecesInHand{}
	var told []protocol.Executed
	inside := false
	machine := machineFunc(func(*Tx) string {
		if inside {
			panic("as told")
		}
		inside = true
		for len(s.pieces) > 0 { // everything else happens meanwhile
			s.run(0)
		}
		if len(told) > 0 {
			t.Errorf("%+v is told while a worker is at work", told)
		}
		return protocol.OutcomeApplied
	})
	c := testConfig(1)
	r := NewRunner(RunnerParts{
		Machine: machine, Staging: newMemory(), Pusher: newLine(), Schedule: s, Now: fixedNow,
		Report: func(e protocol.Executed) { told = append(told, e) },
	}, RunnerOptions{Workers: 2, TakeTasks: 1})
	r.Configure(c)
	block := []protocol.Transaction{txn("a", "x:one"), txn("a", "x:two")}
	r.Execute(&protocol.Execute{Attempt: at(1, 1), SubBlock: protocol.EncodeSubBlock(subBlocks(block, c.Slots)[0])})
	for len(s.pieces) > 0 {
		s.run(0)
	}
	if len(told) != 1 || told[0].Failure == nil {
		t.Errorf("told %+v", told)
	}
}
