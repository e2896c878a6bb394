// Package abuse measures by how much one abusive client slows a well-behaved one: the
// throughput of blocks alone, and beside each abuse, in turn, as a ratio.
//
//	go test ./tests/abuse -v -abuse.rounds=4 -abuse.while=3s
//
// The abuser stands for another machine. It is a process of its own that has only the
// processor time that nobody else wants (SCHED_IDLE of Linux), so that what is measured
// is what the cluster itself spends on it. That is shown as well, in cores, beyond what
// the blocks take that are committed meanwhile.
//
// Without flags every abuse goes on for a moment only, and nothing is measured: the
// blocks of the well-behaved client must go on being committed. Nothing is asserted
// about time, which depends on the machine: client and cluster share its cores.
package abuse
