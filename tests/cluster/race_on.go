//go:build race

package cluster

const raceEnabled = true

// raceEnvironment spares every process the second that the detector waits at
// its end for goroutines that may still find something.
var raceEnvironment = []string{"GORACE=atexit_sleep_ms=0"}
