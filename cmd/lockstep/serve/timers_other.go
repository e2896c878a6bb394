//go:build !linux

package serve

// RelaxTimers does nothing on this system.
func RelaxTimers() {}
