package executor

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Machine gives transactions their meaning. Every shard that owns a write key
// of a transaction executes it, again after a crash and in every later attempt,
// and all must come to the same outcome and writes, on every machine, for as long
// as the cluster lives. The rules:
//
//   - Execute is deterministic. What it does depends on the Tx and nothing else: no
//     clock, chance, order of a map, file, environment, or earlier call. Floating
//     point is out too: processors may round differently. What a transaction needs
//     from outside, such as the time, its client puts into the payload.
//   - It reads and writes by the access list of the transaction, with the modes
//     declared there, and values no longer than the cluster's limit; Tx says what
//     happens otherwise.
//   - The client wrote payload and access list, and may be hostile: indexes in the
//     payload, modes, kinds of keys and stored values are to be checked. What is not
//     well formed has the outcome protocol.OutcomeInvalid.
//   - What may go wrong with a transaction is an outcome, with a name of its own, and
//     changes nothing; the other transactions of the block go on. There is no
//     error to return. A panic is a bug: it refuses the whole block, for good.
//   - It is called from many goroutines at once, each with a Tx of its own. It keeps
//     neither the Tx nor a slice it got from it after it returns, and changes none.
//   - It takes well under a second and bounded memory: a block waits for its slowest
//     transaction, and nothing interrupts one.
//
// The coordinator compares the outcomes of all shards that executed a transaction. Where
// they differ it goes into quarantine, and nothing is decided any more; different writes
// under one outcome it cannot see. A machine whose meaning changes with a release is not
// deterministic either: give payloads a version, and execute the old one as before.
// Package machinetest checks what of all this a test can.
type Machine interface {
	// Execute runs one transaction and names its outcome, 1 to 64 bytes of UTF-8; a block
	// may have 255 different ones. The writes are kept only if that is
	// protocol.OutcomeApplied. A panic, or a name that is empty or too long, is a
	// bug of the machine: the block is refused and changes nothing.
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
