// Package process runs the daemons of a demo as real processes: each in a
// process group of its own, its output in a log file, and none of them outlives
// the process that started it, however that ends.
package process
