package executor

import (
	"errors"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
)

func TestRunKeepsOnlyAppliedWrites(t *testing.T) {
	for _, outcome := range []string{"insufficient_funds", "invalid", strings.Repeat("x", maxOutcomeBytes)} {
		tx := testTx()
		got, err := Run(machineFunc(func(tx *Tx) string { tx.Put(keyWrite, nil); return outcome }), tx)
		if err != nil || got != outcome {
			t.Errorf("outcome %q, error %v; want %q", got, err, outcome)
		}
		if writes := writesOf(tx); writes != nil {
			t.Errorf("outcome %q keeps writes %q", outcome, writes)
		}
	}
}

func TestRunRefusesBadOutcomeNames(t *testing.T) {
	for _, name := range []string{"", strings.Repeat("x", maxOutcomeBytes+1)} {
		tx := testTx()
		outcome, err := Run(machineFunc(func(tx *Tx) string { tx.Put(keyWrite, nil); return name }), tx)
		if err == nil || outcome != "" || writesOf(tx) != nil {
			t.Errorf("name of %d bytes: outcome %q, error %v, writes %q", len(name), outcome, err, writesOf(tx))
		}
	}
}

// What Run lets through, Outcomes must be able to hold, and no more.
func TestOutcomeNameLimitIsTheProtocols(t *testing.T) {
	outcomes := protocol.NewOutcomes(1)
	if err := outcomes.Set(0, strings.Repeat("x", maxOutcomeBytes)); err != nil {
		t.Error(err)
	}
	if err := outcomes.Set(0, strings.Repeat("x", maxOutcomeBytes+1)); err == nil {
		t.Error("a longer name is possible")
	}
}

func TestRunTurnsPanicsIntoErrors(t *testing.T) {
	cause := errors.New("cause")
	var nothing *protocol.Transaction
	panics := map[string]func(*Tx){
		"a value":         func(*Tx) { panic("boom") },
		"an error":        func(*Tx) { panic(cause) },
		"nil":             func(*Tx) { panic(nil) },
		"a nil pointer":   func(*Tx) { nothing.Payload = nil },
		"a missing input": func(tx *Tx) { tx.Reset(testAccess()); tx.Get(keyRead) },
	}
	for name, do := range panics {
		t.Run(name, func(t *testing.T) {
			tx := testTx()
			outcome, err := Run(machineFunc(func(tx *Tx) string {
				tx.Put(keyWrite, []byte("x"))
				do(tx)
				return "applied"
			}), tx)
			var panicked *PanicError
			if outcome != "" || !errors.As(err, &panicked) {
				t.Fatalf("outcome %q, error %v", outcome, err)
			}
			if writesOf(tx) != nil {
				t.Errorf("writes kept: %q", writesOf(tx))
			}
			if !strings.Contains(panicked.Stack, "machine_test.go:") || strings.Contains(panicked.Stack, "runtime.") {
				t.Errorf("stack %q", panicked.Stack)
			}
			if errors.Is(err, cause) != (name == "an error") {
				t.Errorf("cause of %v", err)
			}
		})
	}
}

func TestTxIsUsableAfterAPanic(t *testing.T) {
	tx := testTx()
	if _, err := Run(machineFunc(func(tx *Tx) string { tx.Put(keyWrite, []byte("x")); panic("boom") }), tx); err == nil {
		t.Fatal("no error")
	}
	tx.Reset(testAccess())
	outcome, err := Run(machineFunc(func(tx *Tx) string { tx.Put(keyBoth, []byte("y")); return "applied" }), tx)
	if err != nil || outcome != "applied" || len(writesOf(tx)) != 1 {
		t.Errorf("outcome %q, error %v, writes %q", outcome, err, writesOf(tx))
	}
}
