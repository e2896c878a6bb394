// Package abuse measures by how much one abusive client slows a well-behaved one: the
// throughput of blocks alone, and beside each abuse, in turn, as a ratio.
//
//	go test ./tests/abuse -v -abuse.rounds=5 -abuse.while=2s
//
// Without flags every abuse goes on for a moment only, and nothing is measured: the
// blocks of the well-behaved client must go on being committed. Nothing is asserted
// about time, which depends on the machine: abuser, client and cluster share its cores.
package abuse
