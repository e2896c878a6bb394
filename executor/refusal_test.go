package executor

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
)

func TestAPanickingMachineIsRefusedForGood(t *testing.T) {
	m := solo(t, 1, RunnerOptions{Workers: 3})
	key := keysOn(m.config.Slots, 0, 1)[0]
	m.execute(0, at(1, 1), protocol.AttemptID{}, []protocol.Transaction{txn("a", "x:"+key), txn("p", "x:"+key)})
	if e := m.result(0); e.Failure == nil || e.Failure.Retry || !strings.Contains(e.Failure.Reason, "panicked") {
		t.Errorf("got %+v", e.Failure)
	}
	m.runners[0].Drop(1)
	m.execute(0, at(1, 2), protocol.AttemptID{}, []protocol.Transaction{txn("a", "x:"+key)})
	if e := m.result(0); e.Failure != nil {
		t.Errorf("the next block is refused: %s", e.Failure.Reason)
	}
}

// TestAMachineThatEndsItsGoroutineIsRefusedForGood: recover does not see
// runtime.Goexit, and nobody else would end the attempt.
func TestAMachineThatEndsItsGoroutineIsRefusedForGood(t *testing.T) {
	c := testConfig(1)
	told := make(chan protocol.Executed, 1)
	r := NewRunner(RunnerParts{
		Machine: machineFunc(func(*Tx) string { runtime.Goexit(); return "" }), Staging: newMemory(), Pusher: newLine(),
		Schedule: &Goroutines{}, Now: fixedNow, Report: func(e protocol.Executed) { told <- e },
	}, RunnerOptions{Workers: 1})
	r.Configure(c)
	sub := subBlocks([]protocol.Transaction{txn("a", "x:one"), txn("a", "x:two")}, c.Slots)[0]
	r.Execute(&protocol.Execute{Attempt: at(1, 1), SubBlock: protocol.EncodeSubBlock(sub)})
	if e := <-told; e.Failure == nil || e.Failure.Retry || !strings.Contains(e.Failure.Reason, "goroutine") {
		t.Errorf("got %+v", e.Failure)
	}
}

func TestWhatCannotBeReadIsRefused(t *testing.T) {
	m := solo(t, 1, RunnerOptions{})
	m.runners[0].Execute(&protocol.Execute{Attempt: at(1, 1), SubBlock: []byte("nonsense")})
	if e := m.result(0); e.Failure == nil || e.Failure.Retry {
		t.Errorf("got %+v", e.Failure)
	}
	m.runners[0].Drop(1)
	m.states[0].fail = errors.New("disk on fire")
	m.execute(0, at(1, 2), protocol.AttemptID{}, nil)
	if e := m.result(0); e.Failure == nil || !e.Failure.Retry || !strings.Contains(e.Failure.Reason, "disk on fire") {
		t.Errorf("got %+v", e.Failure)
	}
}

// TestAResultThatNoRecordHoldsIsRefused: without it the log would refuse the
// Prepared record, and the node would stop over a client's block.
func TestAResultThatNoRecordHoldsIsRefused(t *testing.T) {
	m := solo(t, 2, RunnerOptions{ResultBytes: 500, Workers: 1})
	zero, one := keysOn(m.config.Slots, 0, 1)[0], keysOn(m.config.Slots, 1, 1)[0]
	var writes, supplies []protocol.Transaction
	for _, key := range keysOn(m.config.Slots, 0, 60) {
		writes = append(writes, txn("a", "w:"+key))
	}
	for range 60 {
		supplies = append(supplies, txn("a", "r:"+zero, "x:"+one))
	}
	m.states[0].bottom[zero] = bytes.Repeat([]byte("v"), 100)
	for i, block := range [][]protocol.Transaction{writes, supplies} {
		a := at(1, uint32(i+1))
		m.execute(0, a, protocol.AttemptID{}, block)
		if e := m.result(0); e.Failure == nil || e.Failure.Retry || !strings.Contains(e.Failure.Reason, "500") {
			t.Errorf("attempt %s: %+v", a, e.Failure)
		}
		m.runners[0].Drop(1)
	}
}

func TestAClosedRunnerExecutesNothing(t *testing.T) {
	m := newMesh(t, testConfig(2), RunnerOptions{})
	block, values := cross(m.config, "")
	m.execute(0, at(1, 1), protocol.AttemptID{}, block)
	m.close()
	m.execute(0, at(1, 2), protocol.AttemptID{}, block)
	if err := m.runners[0].Deliver(1, at(1, 1), values); err != nil {
		t.Error(err)
	}
	m.quiet()
}
