// Package executor is a shard: it executes its part of every block, stages the
// writes in its log, votes, and changes its state on the coordinator's Commit
// and on nothing else. What it decides is decided in package protocol
// (Participant); here it is carried out.
//
//	shard, err := executor.Open(executor.Options{…}) // recovers, serves nothing yet
//	shard.Register(server)                           // reads, status, exchange
//	err = shard.Run(ctx)                             // until ctx ends or the disk fails
//	err = shard.Close()
//
// Shard.Serve does the last three with a server of its own. Logic of one's own is a
// Machine; docs/embedding.md shows the whole way, and package machinetest checks one.
//
// # The parts
//
//	Shard      a Core on goroutines and a network, with its data directory
//	Core       everything of a shard but threads and network
//	Node       steps the Participant and carries out its effects: Handle is the
//	           only place where a shard acts, in production and in a simulator
//	storage    the data directory: log and database
//	Runner     executes attempts, each after the one it builds on
//	execution  one attempt on its way, in pieces of a Schedule
//	graph, run the conflict graph of a sub-block, and one execution of it
//	pool       the workers of one execution
//	Exchange   values to and from the other shards; a link and an outbox per peer
//	readers    reads of committed state at one height
//	Machine    what transactions mean; users implement it, package ledger is built in
//	Sequential the reference: what a cluster must come to, byte for byte
//
// # Pieces
//
// A Core has no goroutine, timer or wait of its own, so that a simulator can run
// it in one thread and in any order. An execution goes on in pieces of work that
// it hands to a Schedule; what it waits for continues it when it comes:
//
//	plan    decode, derive the graph; as many at once as there are workers
//	read    the values before the block, once the height below is staged and the
//	        backlog allows; many keys are read in several pieces, the last to be
//	        done begins the run
//	work    at most Workers at once; ready transactions, and values that come,
//	        ask for more
//	finish  when the run is over and its workers have returned: the result is
//	        staged, the height above continued, and Executed reported
//
// Tick ends what has waited too long.
//
// # Goroutines, and who owns what
//
//	loop             owns Node, and with it Participant and log order; takes events
//	                 from the inbox, many at a time, so that one force serves them all
//	session          reads, writes and watches of rpc.SessionClient: post events
//	pieces           of executions: compute, stage, post Executed
//	tick             has executions look at what they wait for
//	link, drain      two per peer: push its outbox, and read that it is there
//	streams          two or three per peer that pushes to this shard: Runner.Deliver
//	checkpointer     state.Checkpointer: asks Node.Position, flushes, trims the log
//	space            looks at the free space
//
// The loop waits for the log and for nobody else: sends are queued, executions
// run beside it, and everybody else posts into the inbox until the loop has
// ended. Node.Position and Node.Checkpointed are for the checkpointer, under a
// lock that is held while records are appended, so that it never sees half of
// them. Runner.mu guards executions and early values; reports are made without
// it. Locks are taken in the order Node.durable, Runner.mu, then those of a pool,
// the exchange or the store.
//
// # The life of a block
//
//	Execute      the Node hands it to the Runner: decode, derive the graph
//	its turn     the height below is staged, and the checkpoint not too far behind
//	read         the values before the block, of all keys that live here
//	run          a task whose predecessors are done pushes what it reads here to the
//	             other shards that execute it; it runs when their values have come
//	stage        the writes go on top of the state, unseen by readers
//	Executed     the loop appends Prepared (writes, digest, outcomes, what was
//	             pushed), forces it, and votes (S1)
//	Commit       the state becomes visible to readers (S3), values are released
//	checkpoint   the log is forced, then one transaction of the database holds
//	             pairs, height, attempt, epoch and log position (S7); the log is
//	             trimmed behind it
//
// An execution that fails is a vote of no. A machine that panics, a sub-block
// that cannot be read, and a result that no record can hold refuse the block for
// good; a peer that stays away (PeerTimeout), values that do not come
// (StallTimeout) and a failed read refuse the attempt, and a retry can help. No
// attempt waits without end: what bounds it otherwise is the Abort of the
// coordinator, which ends it at any point.
//
// # Values of other shards
//
// Values carry their attempt, so those of one never reach another. Late ones and
// duplicates are dropped; those of attempts that have not begun here, or wait for
// their turn, are kept up to EarlyBytes, and then the peer is told to come back
// (ErrEarly); each peer has a share that no other can use up. What a run takes
// from a peer is at most PushedBytes, and holds no memory but its own. A link sends
// everything that is not released anew after every reconnect, so nothing is lost
// with a stream; a restart serves what its Prepared records say was pushed. Values
// are released when the attempt is dropped or committed: then every shard has
// voted on it.
//
// # What is upheld here
//
//   - Nothing leaves a node before its reason is durable (S1, S5): Node.carryOut
//     forces first. A failed append, force or commit stops the node for good (S9).
//   - Proof of divergence quarantines: the node says so once, serves and votes no
//     more, and changes nothing (S3).
//   - State is changed by Committer.Commit alone, in order of height (S3, S4,
//     invariants 4 and 5).
//   - What comes out of an execution depends on the block and the state below it,
//     never on schedule, shards, threads or the order of deliveries (invariant 6).
//   - A checkpoint forces the log first, and never lets go of a Prepared record
//     above it (S7).
//   - A restart opens the database, replays the log on top of it, and serves what is
//     in doubt to its peers again, before it dials anybody (invariant 3).
//   - Without its coordinator a shard keeps what is prepared, serves committed state
//     and says so (S8); without space it refuses before it comes to harm (S9).
//   - A reader sees one committed height (invariant 8).
package executor
