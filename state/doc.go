// Package state keeps the state of one shard: key/value pairs in a bbolt
// database up to the checkpointed height, and above it, in memory, the writes
// of every committed and staged height.
//
//	height   1 …………………… c | c+1 ………………… h | h+1 ………… s
//	         database     | committed,    | staged: prepared,
//	         (checkpoint) | in memory     | in memory, not visible
//	                      |               | to clients
//	Stage adds on the right, Drop takes away from the right,
//	Commit moves the second bar right, Flush the first.
//
// A shard stages a block when its Prepared record is durable in the log, and
// commits it when the coordinator says so (rule S3). The Checkpointer writes
// many committed heights to the database at once, because bbolt pays for each
// page that it touches. After a restart the owner brings back with Restore
// what the log has above Checkpoint().Height(), most of it merged.
//
// # Invariants
//
//  1. pruned <= checkpoint <= committed <= staged, and heights have no gaps.
//  2. The database holds exactly the pairs of the state at the height in its
//     meta record: pairs and record are written in one transaction (rule S7).
//  3. A View shows the state as of its height and nothing of a later one, from
//     View to Close, whatever is staged, committed, checkpointed or pruned
//     meanwhile; or it fails.
//  4. Every version between the snapshot of an open View and its height is in
//     memory (see prune).
//  5. No value is handed out that does not match its checksum.
//  6. After a failed flush nothing is handed out at all, and nothing written.
//
// # Concurrency
//
// All methods of Store, View and Checkpointer are safe for concurrent use.
// Commits, views and reads never wait for a sync or for a checkpoint; the one
// exception is at Options.MapBytes. Writes live in layers, one for each height,
// and a table in 64 parts with a lock each leads from a key to its newest version
// and on to the older ones: a read is one probe of the table, and if that has no
// version for it, one of the View's own bbolt read transaction.
//
// The height of a View's snapshot is read from the meta record in that very
// transaction. So it does not matter on which side of a checkpoint a view
// begins, nor that bbolt shows a commit to readers before its last sync: what
// lies at or below the snapshot comes from the snapshot, what lies above comes
// from the table.
//
// There are three locks. staging is held while the top of the table changes,
// flushing while the database and the bottom of the table change, and mu,
// always last, for the moments in which the bookkeeping changes. The mutex of
// a View is held while its snapshot is read; Close of a View takes it, then mu.
//
// A View holds on to two things: pages of the database, which are not reused
// and make the file grow, and versions in memory, which are not pruned. So
// views must be short; Stats shows how many are open and what they hold. When
// the last View in the way closes, the Checkpointer prunes.
//
// # File format, version 1
//
// The file is state.db, mode 0600, a bbolt database with two buckets. All
// integers are big-endian.
//
// Bucket "pairs": the key of the pair, 1 to 32,768 bytes, and
//
//	offset  bytes  field
//	     0      4  CRC32C (Castagnoli) of key || value
//	     4      n  value, may be empty
//
// bbolt has no checksum over its data pages; this one is verified on every
// read. It covers the key, so that values which changed places are found. A
// deleted pair is absent. When a key is not found, the pairs on both sides of
// the gap are verified, so that a damaged key is found too when one looks for
// the key that it was.
//
// Bucket "meta", key "checkpoint":
//
//	offset  bytes  field
//	     0      4  CRC32C of key || everything after this field
//	     4      2  format version, 1
//	     6      4  shard
//	    10     16  data directory id
//	    26      8  highest sender epoch seen
//	    34      8  committed attempt: height; the checkpointed height
//	    42      8  committed attempt: epoch
//	    50      4  committed attempt: number
//	    54     32  state digest at that height
//	    86     32  chain root at that height
//	   118     16  log: id
//	   134      8  log: first sequence that a replay still needs
//	   142      8  log: highest sequence that was forced before this was written
//	   150      4  length of the configuration; 0 before the first Welcome
//	   154      m  configuration, as protocol.Config.Encode gives it
//
// A newer format has another version number and is refused (ErrFormat).
//
// # What can go wrong
//
//   - Kill or power loss: the database is at one checkpoint, the old one or the
//     new one. Open forces file and directory before anybody acts on what was
//     read, and rewrites the meta pages first, since after a failed sync the
//     page cache may call a page clean that the disk never got.
//   - A write or sync of a flush fails: bbolt may or may not show the new
//     state. The outcome is unknown, so the store is poisoned; opening anew
//     gives one of the two, and the log has the rest.
//   - The newer of bbolt's two meta pages is broken: bbolt goes by the older one,
//     that is, the checkpoint before. It is sound, but the log may have been
//     trimmed past it: the owner must make sure that the log still has Log.Keep.
//   - Full disk: a flush that might not fit is put off before it begins
//     (ErrNoSpace). The shard stays up, and memory grows until the owner stops
//     taking blocks (PendingBytes).
//   - Damage: a read, a scan or the opening gives a *DamageError, even if a
//     broken page makes bbolt panic or leave its mapped file. What a read cannot
//     see, such as a damaged key of a branch page that leads the search astray,
//     ScanDatabase finds, by the page structure (package boltfile) and by the
//     state digest.
package state
