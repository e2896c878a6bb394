package cli

import (
	"errors"
	"fmt"
)

// Exit codes, the same for all commands.
const (
	ExitDone    = 0
	ExitFailed  = 1
	ExitUsage   = 2 // the command line, environment or config file is wrong
	ExitUnknown = 3 // outcome unknown or in doubt: ask again, nothing is lost
	ExitRefused = 4 // damage or divergence was found
)

// Usage marks err as wrong usage. A nil error stays nil, here and below.
func Usage(err error) error { return mark(ExitUsage, err) }

// Usagef is Usage of a formatted error.
func Usagef(format string, args ...any) error { return Usage(fmt.Errorf(format, args...)) }

// Unknown marks err as an outcome that is unknown or in doubt.
func Unknown(err error) error { return mark(ExitUnknown, err) }

// Unknownf is Unknown of a formatted error.
func Unknownf(format string, args ...any) error { return Unknown(fmt.Errorf(format, args...)) }

// Refused marks err as damage or divergence that was found.
func Refused(err error) error { return mark(ExitRefused, err) }

// Refusedf is Refused of a formatted error.
func Refusedf(format string, args ...any) error { return Refused(fmt.Errorf(format, args...)) }

// ExitCode gives the code that err ends the process with. The outermost mark
// counts; an error without one has failed.
func ExitCode(err error) int {
	var marked *exitError
	switch {
	case err == nil:
		return ExitDone
	case errors.As(err, &marked):
		return marked.code
	}
	return ExitFailed
}

type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func mark(code int, err error) error {
	if err == nil {
		return nil
	}
	return &exitError{code: code, err: err}
}
