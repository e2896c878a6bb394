// Package raftlog stores what a member of a raft cluster has to remember:
// entries in Log, on package wal; its term and its vote in Stable, on bbolt.
// They are the LogStore and the StableStore of github.com/hashicorp/raft.
//
//	log, err := raftlog.Open(dir, raftlog.Options{})    // verified, mended, forced
//	stable, err := raftlog.OpenStable(dir)              // after CreateStable, once
//	err = raftlog.Bind(log, stable)                     // of one coordinator?
//	_, err = log.Align(snapshot.Index, snapshot.Term)   // does it fit the snapshot?
//	node, err := raft.NewRaft(config, fsm, log, stable, …)
//
// # Promises
//
//   - What StoreLogs, Set and SetUint64 returned nil for survives every crash.
//   - Indexes have no gaps. An entry that was stored but not acknowledged may
//     survive a crash, with all before it.
//   - The first write that fails is the last, and something that cannot be read
//     counts as one: Failed is closed, and every later call is ErrPoisoned,
//     but for entries in memory, which are good. raft itself goes on, or
//     panics; so the owner has to end the process, and the next start finds out
//     what the disk holds.
//
// # Records
//
// The log is a wal, and the wal can only grow at the end and shrink at the
// front. So what raft takes back is written too. There are two types of
// records; numbers are big-endian.
//
//	entry, type 32
//	offset  bytes  field
//	0       1      layout version, 1
//	1       1      type of the entry, as in raft.LogType
//	2       2      zero
//	4       4      length of the extensions in bytes
//	8       8      index
//	16      8      term
//	24      8      appended at: seconds since 1970, signed
//	32      4      appended at: nanoseconds
//	36      4      zero
//	40      …      extensions, then data to the end
//
//	cut, type 33
//	0       1      layout version, 1
//	1       7      zero
//	8       8      index
//
// An entry at the index of another replaces it and forgets all above; a cut
// forgets the entries from its index on. In the rows that count, higher indexes
// therefore stand at higher sequences, and everything before the first of them
// can be trimmed.
//
// # Removal
//
//	raft removes      because                     on disk
//	the back          it conflicts with a leader  a cut, forced
//	everything        a snapshot was received     the wal is emptied, durably
//	the front         a snapshot was made         nothing, until enough comes together; then a trim
//
// So after a restart the log may begin earlier than before. What comes back was
// committed and is covered by a snapshot; raft never looks at it but to help a
// slow follower, for which it is right.
//
// # Memory
//
// Log keeps 16 bytes for each entry, the newest entries up to
// Options.CacheBytes, and what the wal keeps, which is up to three segments.
//
// # The stable store
//
// raft.db is a bbolt database with one bucket, "raft". Its keys are "format",
// and those of raft with the letter k in front. A value is a CRC-32C, over the
// length of the key in four bytes, the key and the value, and then the value.
// Numbers have 8 bytes. Each value is committed twice, so that both meta pages
// of bbolt lead to it. What bbolt needs to find its way inside a page has no
// checksum: damage there can end the process, which is no worse than refusing.
package raftlog
