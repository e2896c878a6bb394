package history

import (
	"fmt"
	"runtime/debug"
)

// crash is a panic or a memory fault inside bbolt. bbolt believes what its
// pages say, so that a damaged one can lead it astray, even out of the file.
type crash struct{ cause any }

func (c *crash) Error() string { return fmt.Sprintf("broken page: %v", c.cause) }

// guard runs fn and turns a crash in it into a *DamageError that wraps a *crash.
// Locks of bbolt that fn had taken may be held for good.
func guard(what string, fn func() error) (err error) {
	before := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(before)
		if cause := recover(); cause != nil {
			err = &DamageError{What: what, Err: &crash{cause}}
		}
	}()
	return fn()
}
