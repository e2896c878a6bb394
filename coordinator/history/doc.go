// Package history keeps the decisions of a coordinator for good.
//
// The decision log of the coordinator is trimmed behind snapshots of what is
// open. The headers of the decided blocks (key, block id, state digests,
// chain root, outcomes: a protocol.Decision) are moved here before that, so
// that neither the log nor memory grows with the age of the cluster, and a
// block key is remembered for good. The bodies of the blocks are not kept.
//
// # Log and history
//
// The log is the truth for what is newer than the history, and the history for
// what the log has trimmed. The coordinator forces a decision to its log, and
// some time later, for many decisions at once:
//
//	history.Append(meta, decisions)   // durable when it returns
//	log.Trim(meta.Log.Keep)           // only then
//
// A restart opens both, compares them, and goes on from State with the records
// of the log from Meta().Log.Keep on:
//
//	the log has another ID            it is another log: stop
//	its first sequence is above Keep  decisions are lost: stop
//	its last is below Forced          records are lost: stop
//
// The second line matters also because a bbolt file with a damaged meta page
// opens as it was one transaction earlier. As long as the log begins at or
// below the Keep of that transaction, nothing is missing.
//
// # File
//
// The file is a bbolt database, history.db, with three tables. Integers are
// big-endian. Every stored value is
//
//	u32  CRC-32C of key and value
//	     value
//
// and is checked whenever it is read, since bbolt has no checksums for data.
//
//	table    key               value
//	heights  u64 height        protocol.EncodeRecord of the decision
//	keys     block key         u64 height
//	meta     "tip"             see below
//
// Heights are appended in order, so their pages are filled to the end and never
// written again. The value of "tip":
//
//	u16  format, 1
//	u64  height of the highest decision, 0 for none
//	32   chain root there
//	u64  highest epoch claimed
//	16   id of the log
//	u64  first sequence of the log that a replay needs (Keep)
//	u64  highest sequence of the log that was forced (Forced)
//	u16  number of shards that have joined, and for each, ascending:
//	       u32  shard
//	       16   id of its data directory
//	     protocol.Config.Encode, up to the end
//
// # Failures
//
// A commit that fails has an unknown outcome; bbolt may even go on to show what
// it could not force. The first such failure poisons the History: every call
// fails with ErrPoisoned, and Close and Open tell what the disk holds. Until
// then a read ends at Height, which is what is known to be durable.
//
// Damage is found when it is read (ErrDamaged), and bbolt's panics on broken
// pages become such errors. Three kinds of damage need Verify to be found: to
// the head of a page of the key index, which can hide entries; to the list of
// free pages; and page pointers that lead in circles, on which bbolt would
// recurse until the process ends.
package history
