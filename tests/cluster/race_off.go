//go:build !race

package cluster

const raceEnabled = false

var raceEnvironment []string
