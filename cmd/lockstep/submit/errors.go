package submit

import (
	"fmt"

	"github.com/lockstep-exec/lockstep/coordinator/client"
)

// NotCommitted says that a block was aborted, or that its outcome is unknown.
type NotCommitted struct {
	Key    string
	Answer client.Answer
}

func (e *NotCommitted) Error() string {
	if e.Answer.Decision == client.Aborted {
		return fmt.Sprintf("block %q was aborted: %s", e.Key, e.Answer.Reason)
	}
	return fmt.Sprintf("the outcome of block %q is unknown: %s: nothing is lost, run the same command again to learn it", e.Key, e.Answer.Reason)
}

// Refused says that a block was refused at the door and changed nothing.
type Refused struct {
	Key  string
	Line int // in its file, where the block begins
	Err  error
}

func (e *Refused) Error() string {
	return fmt.Sprintf("block %q (from line %d): %v", e.Key, e.Line, e.Err)
}

// Unwrap gives what the coordinator answered.
func (e *Refused) Unwrap() error { return e.Err }
