package wire

import (
	"errors"
	"fmt"
)

var (
	// ErrMalformed is wrapped when a message is not what a correct node sends.
	ErrMalformed = errors.New("malformed message")
	// ErrTooLarge is wrapped when a message, or a part of it, is over a bound.
	ErrTooLarge = errors.New("message too large")
)

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
}

func tooLarge(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrTooLarge}, args...)...)
}
