// Package raftsnap stores the snapshots of a raft cluster whose state has two
// parts: a head, which is small and complete as of an entry of the log, and an
// appendix, which is large, kept elsewhere, and may be newer than the head. It
// is the SnapshotStore of github.com/hashicorp/raft.
//
// A snapshot that is made here holds the head alone: the appendix is at hand
// anyway. Only when a snapshot is opened, to be sent to another member, the
// appendix of that moment follows the head (Options.Appendix). Who receives it
// stores all of it, as it came.
//
//	store, err := raftsnap.Open(dir, raftsnap.Options{Appendix: copyOfHistory})
//	newest, err := store.Newest()               // head only, at a start
//	node, err := raft.NewRaft(config, fsm, log, stable, store, …)
//
//	func (s fsmSnapshot) Persist(sink raft.SnapshotSink) error {
//		return raftsnap.WriteHead(sink, s.head)
//	}
//	func (f fsm) Restore(r io.ReadCloser) error {
//		head, err := raftsnap.ReadHead(r)       // what follows in r is the appendix
//		…
//	}
//
// # Promises
//
//   - A snapshot is there as a whole, durably, when its sink's Close returned
//     nil, or not at all.
//   - The newest one is kept; older ones go once it is durable.
//   - What was written is what is read. The sum of the head is checked before a
//     byte of it is handed out, that of a stored appendix at its end: where it is
//     wrong, the stream ends with ErrDamaged instead of io.EOF.
//
// The package trusts its owner to keep others out of the directory.
//
// # Content
//
// What is written to a sink, and read from an open snapshot:
//
//	offset  bytes  field
//	0       8      length of the head in bytes, big-endian, at most MaxHeadBytes
//	8       …      head, then the appendix, to the end
//
// # A file
//
// A snapshot is the file INDEX-TERM-NUMBER.snapshot, where the number tells two
// of the same entry apart. Until it is complete, it ends in .temp. Numbers are
// big-endian, sums are CRC-32C.
//
//	offset  bytes  field
//	0       7      "LSRSNAP"
//	7       1      format version, 1
//	8       4      version of the snapshot, as raft has it
//	12      4      1: made here, head alone; 2: received, with an appendix
//	16      8      index
//	24      8      term
//	32      8      index of the configuration
//	40      8      length of the head in bytes
//	48      8      length of the appendix in bytes
//	56      4      length of the configuration in bytes
//	60      4      sum of the configuration
//	64      4      sum of the head, with its length in front
//	68      4      sum of the appendix
//	72      4      sum of bytes 0 to 71
//	76      …      configuration, as raft encodes it; then the content
//
// # Crashes
//
//	during                 what is left        Open
//	writing                a .temp file        removes it
//	removal of older ones  two snapshots       reads the head of the newest, forces the directory, removes the rest
package raftsnap
