// Package process runs daemons as real processes, for the demo and for bench: each in a
// process group of its own, its output in a log file, and none of them outlives
// the process that started it, however that ends.
package process
