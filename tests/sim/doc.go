// Package sim runs a whole cluster in one thread: the shipping code of the
// shards and of the coordinator, with its codecs, logs, databases and
// executions, over a disk, a network and a clock that are simulated. A seed
// decides everything that happens, so what a seed has shown once it shows
// again.
//
//	result := sim.Run(42, sim.Options{})
//	if result.Failure != nil { … }
//
// # A run
//
// A world is drawn from the seed: the number of shards, how large everything
// is, which kinds of faults there are and how often. Then it takes steps. Each
// step picks one thing that could happen next and lets it happen: a node
// handles some of the events that wait for it, a message arrives, a piece of
// an execution runs, a timer fires, a client submits or reads, with every
// fourth seed an operator has a block settled (C10), the clock goes on, or something breaks (Fault lists what). After so many steps nothing
// breaks any more, and the cluster has to come to rest.
//
// A node that crashes does so between two steps, or in the middle of one:
// before or after any operation on its log, its sessions, the exchange or the
// history. Its memory is gone then; of the records that it had not forced the
// first few may survive, and messages that it has sent may still arrive.
//
// # What is not the shipping code
//
// The links between shards are made again here, over the shipping Outbox and
// its splitting of values, and so are sessions, over the shipping codecs: how
// bytes, keepalives and closes travel is up to the world. The history of a
// coordinator is in memory, with its decisions encoded; the log that all
// coordinators share is too, with the rules of the shipping one for who owns
// it. The loops of the nodes are here, since they decide what happens when. A
// shard's log is in memory as well, except in the seeds that draw a real one.
//
// Outside are the API of the coordinator (batches, waiting, reads that go to
// the shards), the servers and clients of gRPC, backups and all commands. Their
// packages have tests of their own.
//
// # What is checked
//
// An observer sees everything, the disks too. After each step it checks what
// the step could have broken, by the numbers of package protocol:
//
//	1 agreement       decisions as they become durable; what every shard has committed
//	2 validity        a decision needs Prepared records that are durable on every shard
//	3 durability      what is decided, or was voted on, after every crash and every force
//	4 no step alone   votes that a coordinator counts are held
//	5 order           heights without gaps, in the log and on the shards
//	6 determinism     digests, outcomes and every key read against a sequential run
//	7 liveness        within a bounded number of steps after the faults
//	8 atomic reads    reads of several shards at one height, and again later; open views
//
// Besides: no node panics, stops, is quarantined or is refused although nothing
// is wrong; a shard refuses an attempt only for a reason that is there; clients
// are told the truth, and aborted only once their deadline is over or an operator gave their block up; what is
// done for an operator is recorded, and takes no decision back; epochs are durable; a
// vote leaves after its record; memory is given back. At the end the databases are read from
// their files, byte by byte.
//
// # When something breaks
//
// Shrink looks for a smaller history that breaks the same invariant: fewer steps,
// kinds of faults, single faults, blocks and shards. Command gives the command
// that shows it again. The test TestSeeds does both, and prints the history.
package sim
