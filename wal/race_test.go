//go:build race

package wal

// The race detector makes the torture slow and finds little in it.
func init() { underRace = true }
