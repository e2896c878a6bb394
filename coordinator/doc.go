// Package coordinator is the coordinator: it takes blocks from clients, gives
// every shard its part, and decides a block when all shards have voted yes. What
// it decides is decided in package protocol (Coordinator); here it is carried out.
//
//	c, err := coordinator.Open(coordinator.Options{…}) // takes part in its group
//	c.Register(server)                                 // clients, shards, other members
//	err = c.Run(ctx)                                   // decides whenever it leads
//	err = c.Close()
//
// Several coordinators form a group with one log; the one that leads decides, and the
// others send clients and shards to it. One alone is a group of one, and leads as
// soon as it is open.
//
// # The parts
//
//	Coordinator  one member of the group: a replica, and an incarnation while it leads
//	replica      (package) the replicated log, and what it comes to, on every member
//	incarnation  a Core with everything round it: clients, clock, goroutines
//	Core         one incarnation, and nothing that does not follow from its calls:
//	             Node, archive. Tests drive it alone, in one thread
//	Node         steps the protocol.Coordinator and carries out its effects: Handle is
//	             the only place where a coordinator acts
//	DecisionLog  where proposals and decisions become durable; replica.Log is one
//	archive      every decision: the newest in memory, the rest in the history
//	waiters      the clients that wait for an answer
//	blockStream  one call of a client that submits blocks in order
//	batcher      makes blocks of transactions that come one by one
//	currency     asks a majority, for who wants to know what is newest
//	api          the gRPC services for clients
//	operator     that for operators; survey puts together what is in doubt, and why
//	sessionGate  sends shards to the leader
//	partition    cuts a block into the sub-blocks of the shards
//	history      (package) block keys and decisions, for good
//	timeline     (package) what happened when to the newest blocks, for people
//	shardReports what shards say of themselves, once a second, for people
//
// # Goroutines, and who owns what
//
//	Run        waits for leadership, and then is the loop of the incarnation: it owns
//	           Core.Handle, and with it the state machine; takes events from the inbox,
//	           many at a time, so that one force serves them all; tells the time, and
//	           confirms that the log is still its own (C1)
//	sessions   readers and writers of rpc.SessionServer: post events
//	calls      one per call of a client: look keys up, post Submitted, wait; a
//	           stream has one more that reads
//	batcher    one that collects blocks, and one per block that waits for its answer
//	reports    one that asks the shards how they are, and one per call
//	replica    raft's, one that keeps decisions in the history and makes snapshots, one
//	           that enrolls members
//
// The loop waits for the log and for nobody else: sends and answers are queued.
// archive, waiters and Status are safe for everybody.
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
//	keep         the history of every member takes the decision; then memory forgets it,
//	             and the log is trimmed behind a snapshot (C7)
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
//     claim before there are sessions. A claim counts only if nothing was appended
//     since the state was read. Another file at the place of the lock means that
//     somebody else owns the directory: the coordinator ends. An incarnation that
//     cannot find out whether it still leads ends too, and if its member does lead,
//     another one begins.
//   - Whoever leads no more appends nothing, closes its sessions and sends its clients
//     on. All of an incarnation has ended before the next one begins here.
//   - Nothing is told before its reason is durable (C2): Node.carryOut appends and
//     forces first. If an append fails nobody knows its outcome: the sessions are
//     closed, and clients are told unknown, or to ask the next leader, who finds out.
//   - Who stops or hands over takes up nothing new, and lets out what is under way, for
//     a second at most (Pause).
//   - Proof of divergence quarantines: sessions are closed, nothing is decided.
//   - A block key is decided once (C3), also when its first result is only in the
//     history. Keys of streamed blocks begin with "stream/", which clients may not use.
//   - Every decision from the lowest that a resync may ask for is at hand, and every
//     undecided proposal is in the log or its snapshot (C7).
//   - A read names one decided height on all shards that it touches (invariant 8). What
//     is newest, and that something is not there, is said only after a majority has
//     confirmed who leads (currency).
//   - Queues are bounded: blocks and bytes by protocol.CoordinatorOptions, streamed
//     transactions by BatchOptions.Waiting, and per stream by what its client has not
//     read, which goes for streams of blocks too. Whoever finds them full is told when to come back.
package coordinator
