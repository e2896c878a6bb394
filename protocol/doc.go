// Package protocol is the whole algorithm of Lockstep and nothing else: two
// state machines, their messages and records, and the encodings and digests
// that both sides agree on. It knows no disk, network, clock, goroutine, lock,
// logger or random source, so a daemon and a simulator run the very same code.
//
// A block gets a height, and every shard its part of it. The Coordinator starts
// an attempt on all shards. Each Participant executes its part, stages the
// writes in its log, and votes. When all have voted yes the coordinator forces
// its decision, and only then does any shard change its state.
//
// # Participant: a shard
//
// Every height above the committed one goes this way:
//
//	      Execute             result            parent prepared              Commit
//	none ---------> executing -------> executed ---------------> prepared ----------> committed
//	 ^                  |                 |      force Prepared,     |     apply
//	 |                  |                 |      then vote yes       |
//	 +------------------+-----------------+--------------------------+
//	      Abort, or a newer Execute; with it goes everything above
//
// An execution that fails is voted no on, and its height is none again. What is
// prepared is dropped by the coordinator alone: no timeout, lost session or
// restart does it. A session is none, then open (Hello is sent), then welcomed;
// whatever is out of place ends it, the shard dials again, and resync repairs.
//
// # Coordinator
//
//	Submitted          every shard there,           a yes           all yes, and the
//	---------> queued -------------------> live ----------> voting ------------------> decided
//	             ^     append Proposed,     |                 |     block below decided:
//	             |     send Execute         |                 |     force, then tell
//	             +--------------------------+-----------------+
//	               a no that a retry can help: Abort, here and above
//
// At its deadline, or on a no for good, an undecided block is withdrawn: a
// Withdrawn record is forced, the client is told, the blocks above move down.
//
// A block may name another that it comes after (C9): it is taken up only if that
// one is decided or stands below it, and withdrawn with it, whatever withdraws
// that one, in records in front of that one's. So a chain of blocks may be under
// way at once and still commits in its order, without gaps: after any crash the
// log holds a beginning of what was taken up of it.
//
// An operator may have a shard resynced, an attempt aborted or an undecided block
// withdrawn (C10), all of which happen at any moment anyway: sessions end, shards
// refuse, deadlines pass. A Resolved record is forced first. Nobody can ask for a
// decision, and nothing takes one back.
//
// # The caller's loop
//
// One goroutine owns a machine. It takes the events that wait, steps each, joins
// the effects, and carries them out in the order of their fields; the single
// force is the group commit:
//
//	var all Effects
//	for _, ev := range waiting {
//		e, err := machine.Step(ev)
//		if err != nil { … }     // quarantine: stop voting, deciding, serving; say why
//		all.Join(e)             // what earlier steps gave may still be carried out
//	}
//	log.Append(all.Persist)         // and force it all, if all.Force
//	                                // failed or refused: nothing below may happen
//	drop, apply, decided, send, answer, execute, close, step down, note
//
// What the machines rely on: a session brings messages in order, and nothing
// after a Closed, but a Commit may overtake Executes; a session number is used
// once; Drop means the named height and all above it, whether the attempt was
// started or not; an Executed of what was dropped does no harm; the log takes no
// append of an epoch below the highest claimed, and what a new incarnation has
// read from it was read when nobody else could append any more; clients that
// still wait when a coordinator steps down are told "unknown".
//
// # Invariants
//
//  1. Agreement: no two nodes commit different attempts, blocks or digests at a height.
//  2. Validity: what is committed anywhere was decided durably; what is decided was
//     durably prepared, as that attempt, on every shard.
//  3. Durability: a yes survives every crash of the voter until it is decided; what a
//     client was told is committed survives every crash of everyone.
//  4. No unilateral step: a prepared shard neither commits nor aborts on its own.
//  5. Order: the committed heights of every node have no gaps.
//  6. Determinism: the state is that of one sequential run of the committed blocks,
//     byte for byte.
//  7. Liveness: once faults stop, every live block is decided and every shard arrives
//     at the coordinator's height, without a person.
//  8. Atomic reads: nobody sees a part of a block. Effects.Apply is the moment at which
//     a shard may show one; reading at one height is the node's part.
//
// # Where the rules are
//
//	C1 epoch first, step down      NewCoordinator, stepDown, Coordinator.received, hello
//	C2 decide, force, then tell    decide, complete, outcomes; withdraw finds it gone
//	C3 one attempt, no gap         begin, Coordinator.abort, withdraw, submitted; on replay DecisionLog.withdrawn
//	C4 window                      propose, Coordinator.parentOf
//	C5 sessions and deadlines      closed, expire, withdraw
//	C6 nothing is live at first    NewCoordinator, DecisionLog.Coordinator
//	C7 keep what may be asked for  forget, historyKept; Status gives LowestNeeded
//	C8 late votes are answered     vote, answerLate
//	C9 predecessors                submitted, follows, withdrawFollowers; NewCoordinator
//	C10 operators                  resolve: nothing that could not happen without them
//	S1 force, then vote            prepareOne
//	S2 drop on Abort only          drop, execute, Participant.abort; on replay prepared
//	S3 commit what is prepared     commitNext
//	S4 order and repeats           commit, refuseLate, execute
//	S5 fencing                     Participant.received, raiseEpoch, refuseLate, olderInEpoch
//	S6 parents                     cannotTakeUp, prepare
//	S7 checkpoints                 the node's; NewShardRecovery begins with one
//	S8 waiting, redialling         the node's; a Closed changes nothing that is held
//	S9 no space, failed disk       Obstructed, Room, cannotTakeUp, cannotPrepare; stopping is the node's
//	S10 overflow ends a session    the node's; resync repairs
//	resync                         opened; hello, strange, differs, accept, resync, countHeld
//
// The scripts under testdata show each of them, named after the rule.
//
// # Replay
//
// ShardRecovery: a Prepared record erases what was prepared before at its height
// and above, for drops are not logged. A Committed record takes the lowest
// prepared attempt; it is not forced, so a crash may take it and resync brings the
// Commit again. What is left is in doubt, and the coordinator says what becomes of
// it. The log may be trimmed in front of the first Prepared or Committed record
// above the checkpoint, and not beyond the position that the checkpoint names: it
// holds configuration, highest epoch and what is committed as of there.
//
// DecisionLog: Withdrawn(h) takes the proposal at h away and moves those above it
// down by one. A decision takes the lowest proposal. What is left was proposed and
// is run again (C6). All of that follows from the records alone, so every replica of
// the log comes to the same; one that no correct coordinator has appended changes
// nothing. The log may be trimmed behind a snapshot of the DecisionLog; the decisions
// that it has forgotten must be in the history, and an incarnation begins with those
// from LowestNeeded on (C7).
package protocol
