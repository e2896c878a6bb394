// Package measure reads what a run costs: percentiles of times, processor time,
// memory and bytes written of processes from /proc, what one fsync takes, and
// which machine it all ran on. What a system does not tell is left out, never
// guessed.
package measure
