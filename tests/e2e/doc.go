// Package e2e tests Lockstep from outside: the binary, real processes, real
// links that break, real input; see package cluster for the means. Every test
// makes one condition, waits until it is there, and then checks that nothing
// ended, nothing diverged, nothing was lost, and everything went on.
//
// With -short the heaviest are left out; LOCKSTEP_LONG=1 makes some longer.
// The directory that LOCKSTEP_KEEP names gets what a failed test left.
package e2e
