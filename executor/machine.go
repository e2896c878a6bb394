package executor

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Machine gives transactions their meaning. Every shard that owns a write key
// of a transaction executes it, and they must all come to the same outcome and
// writes. So Execute must be deterministic: what it does depends on nothing
// but the Tx, never on time, chance, map order, or an earlier call.
//
// Execute is called from many goroutines at once, each with a Tx of its own.
// It must not keep the Tx, nor any slice it got from it, after it returns, nor
// hand the Tx to another goroutine. It should take well under a second: a
// block waits for its slowest transaction.
type Machine interface {
	// Execute runs one transaction and names its outcome, 1 to 64 bytes. The
	// writes are kept only if that is protocol.OutcomeApplied. A panic, or a
	// name that is empty or too long, is a bug of the machine: the block is
	// refused and changes nothing.
	Execute(tx *Tx) (outcome string)
}

// maxOutcomeBytes is the longest name that protocol.Outcomes can hold.
const maxOutcomeBytes = 64

// Run executes the transaction that tx was Reset to, whose inputs have been
// set, and gives its outcome. It is protocol.OutcomeInvalid, whatever the
// machine says, if the machine broke a rule of Tx. Afterwards tx.Writes has
// what is to be kept.
//
// An error means that the machine has a bug; if it panicked, the error is a
// *PanicError. Then there is no outcome and nothing is kept.
func Run(m Machine, tx *Tx) (outcome string, err error) {
	tx.applied = false
	defer func() {
		if value := recover(); value != nil {
			outcome, err = "", &PanicError{Value: value, Stack: shortStack()}
		}
	}()
	outcome = m.Execute(tx)
	switch {
	case outcome == "":
		return "", fmt.Errorf("machine gave a transaction no outcome")
	case len(outcome) > maxOutcomeBytes:
		return "", fmt.Errorf("machine gave an outcome name of %d bytes, the most is %d", len(outcome), maxOutcomeBytes)
	case tx.fault != "":
		return protocol.OutcomeInvalid, nil
	}
	tx.applied = outcome == protocol.OutcomeApplied
	return outcome, nil
}

// PanicError says that a machine panicked.
type PanicError struct {
	Value any    // what it panicked with
	Stack string // innermost calls first, "function file:line", separated by " < "
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("machine panicked: %v (at %s)", e.Value, e.Stack)
}

// Unwrap gives the value the machine panicked with if that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// shortStack gives the few calls that led to the panic now being recovered.
func shortStack() string {
	const calls = 6
	var counters [32]uintptr
	frames := runtime.CallersFrames(counters[:runtime.Callers(3, counters[:])])
	var lines []string
	for len(lines) < calls {
		frame, more := frames.Next()
		if frame.Function != "" && !strings.HasPrefix(frame.Function, "runtime.") {
			lines = append(lines, fmt.Sprintf("%s %s:%d", filepath.Base(frame.Function), filepath.Base(frame.File), frame.Line))
		}
		if !more {
			break
		}
	}
	return strings.Join(lines, " < ")
}
