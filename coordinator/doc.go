// Package coordinator is the coordinator: it takes blocks from clients, gives
// every shard its part, and decides a block when all shards have voted yes. What
// it decides is decided in package protocol (Coordinator); here it is carried out.
//
//	c, err := coordinator.Open(coordinator.Options{…}) // recovers, claims an epoch
//	c.Register(server)                                 // clients, sessions of shards
//	err = c.Run(ctx)                                   // until ctx ends or the disk fails
//	err = c.Close()
//
// # The parts
//
//	Coordinator  a Core with everything round it: files, network, clock, goroutines
//	Core         one incarnation, and nothing that does not follow from its calls:
//	             recovery, Node, archive, keeper. Tests drive it alone, in one thread
//	Node         steps the protocol.Coordinator and carries out its effects: Handle is
//	             the only place where a coordinator acts
//	DecisionLog  where proposals and decisions become durable; localLog is one wal
//	Positions    where in the log stands what a restart or a resync may need (C7)
//	archive      every decision: the newest in memory, the rest in the history
//	keeper       moves decisions into the history, and trims the log behind them
//	waiters      the clients that wait for an answer
//	blockStream  one call of a client that submits blocks in order
//	batcher      makes blocks of transactions that come one by one
//	api          the gRPC services for clients
//	partition    cuts a block into the sub-blocks of the shards
//	history      (package) block keys and decisions, for good
//
// # Goroutines, and who owns what
//
//	loop       owns Core.Handle, and with it the state machine; takes events from the inbox,
//	           many at a time, so that one force serves them all; tells the time, and
//	           confirms that the log is still its own (C1)
//	sessions   readers and writers of rpc.SessionServer: post events
//	calls      one per call of a client: look keys up, post Submitted, wait; a
//	           stream has one more that reads
//	keeper     the only writer of the history, and the only one that trims
//	batcher    one that collects blocks, and one per block that waits for its answer
//
// The loop waits for the log and for nobody else: sends and answers are queued.
// Positions.mu is held while records are written, so that nobody computes what to
// keep while the log holds a record that is not noted yet; the keeper holds it for
// moments. archive, waiters and Status are safe for everybody.
//
// # The life of a block
//
//	SubmitBlock  the key is looked up in memory and history: a decided block is
//	             answered at once. The height of the history goes along (Checked),
//	             so that what moved there meanwhile is looked up again
//	propose      Proposed is appended, not forced; every shard gets its Execute (C4)
//	vote         all yes, for one attempt, with equal outcomes
//	decide       Decision is appended and forced: the commit point (C2)
//	tell         archive and watchers, then Commit to the shards, then the client
//	keep         the history takes the decision; then memory forgets it, and the log
//	             is trimmed in front of what no shard can ask for (C7)
//
// A client that waits in vain is answered aborted, or rejected if no retry can
// help, after its Withdrawn record is forced (C5). If the coordinator stops before
// it is known, the answer is unknown; asking again with the same key gets the one
// true answer, since a restart runs undecided proposals again (C6).
//
// A stream of blocks (SubmitBlocks) is the same for each of them, but its reader
// does not wait: it posts them one after the other, each after the one before it
// (C9), and another goroutine gives the answers in their order.
//
// # What is upheld here
//
//   - The epoch is durable before the first message (C1): NewNode carries out the
//     claim before there are sessions. Another file at the place of the lock means
//     that somebody else owns the directory: the coordinator steps down.
//   - Nothing is told before its reason is durable (C2): Node.carryOut appends and
//     forces first. If an append fails nobody knows its outcome: the sessions are
//     closed, all clients, also later ones, are told unknown, and only a restart
//     finds out.
//   - Proof of divergence quarantines: sessions are closed, nothing is decided.
//   - A block key is decided once (C3), also when its first result is only in the
//     history. Keys of streamed blocks begin with "stream/", which clients may not use.
//   - The log holds every decision from the lowest that a resync may ask for, and every
//     undecided proposal, wherever it is trimmed (C7).
//   - A read names one decided height on all shards that it touches (invariant 8).
//   - Queues are bounded: blocks and bytes by protocol.CoordinatorOptions, streamed
//     transactions by BatchOptions.Waiting, and per stream by what its client has not
//     read, which goes for streams of blocks too. Whoever finds them full is told when to come back.
package coordinator
