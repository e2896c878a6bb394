// Package tracing makes one trace of each block, across all processes that see it,
// without telling any of them: ids of traces, and those of spans that have children
// in other processes, are derived from what everybody knows already.
//
//	submit                      client: id from the block and a number of the client
//	└─ block                    coordinator: from submission to answer
//	   ├─ queue                 until its first attempt begins
//	   └─ attempt               id from the block and the AttemptID; events: votes
//	      ├─ prepare            shard: from Execute to vote
//	      │  ├─ execute
//	      │  │  └─ exchange wait
//	      │  └─ force
//	      ├─ decide             coordinator: forces the decision
//	      └─ commit             shard
//
// The trace is that of the block id, which is a hash of the block's key and content.
// So all attempts of a block are in one trace, and so are those of a coordinator
// that takes over and finds the block in its log, although no message and no record
// says anything of traces: they have nothing in them that could be wrong, be left
// out by an older version, or change a digest. For the same reason all processes
// that are given the same ratio pick the same blocks. The one thing that is told is
// the number of the client (Outgoing), because only it knows whether there is a span of
// a submission.
//
// A span comes to the collector when it ends. A process that is killed takes those
// along that have not: their children are there, and name a parent that is missing.
//
// Spans are started by package executor and package coordinator, if they are
// given a trace.Tracer; without one they do nothing. The Tracer must be of a
// provider with IDs.
package tracing
