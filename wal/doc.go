// Package wal is the write-ahead log of a node: records in, in one sequence
// without gaps, and after any crash the same records out, or a refusal. It puts
// github.com/tidwall/wal, which writes segment files, behind frames with
// checksums, an owner, a verification of everything, and a rule for each way in
// which a disk can fail.
//
//	l, err := wal.Open(dir, wal.Options{})      // verified, mended, forced
//	err = l.Replay(checkpoint+1, apply)         // what is in it
//	seq, err := l.Append(wal.Record{Type: 1, Data: data})
//	err = l.Sync()                              // now seq may be acknowledged
//	err = l.TrimFront(checkpoint + 1)           // now and then
//
// # Promises
//
//   - After Sync has returned nil, every record appended before survives a kill
//     of the process and a loss of power.
//   - Open returns a log that holds all such records, or refuses with
//     ErrDamaged and changes nothing. It invents no record.
//   - A record that was appended but not synced may survive a crash, in its
//     place and with all before it, and is durable once Open has returned. If it
//     does not survive, it never comes back.
//   - The first failed write, sync or truncation is the last: every later call
//     is ErrPoisoned. There is no retry, since after a failed sync nobody knows
//     what the disk holds. Recovery is a restart of the process.
//   - Errors that are not ErrPoisoned have changed nothing.
//
// What it does not promise: several records of one Append are not atomic (a
// crash may keep the first few); and see "What cannot be seen" below.
//
// # Files
//
//	00000000000000000001   segment; the name is the sequence of its first record, or of the next to come
//	META                   register: identity of the log, and its floor. Without it there is no log
//	MARK                   register: highest sequence known to be acknowledged. Advisory
//	LOCK                   flock by the owner; empty
//	RESERVE                zeros, to be given up when the disk is full (Options.ReserveBytes)
//	broken-NAME-N          what mending took out of NAME; the newest 16 are kept
//	*.TEMP, *.START        unfinished copies, dealt with by Open
//
// # A segment
//
// A segment is a row of entries. tidwall/wal makes an entry of each frame by
// putting its length in front, as an unsigned varint in shortest form. Numbers
// in a frame are big-endian, sums are CRC-32C.
//
//	offset  bytes  field
//	0       4      magic 8d 4c 53 57
//	4       1      format version, 1
//	5       1      type of the record, 1 to 255
//	6       2      zero
//	8       16     identity of the log
//	24      8      sequence
//	32      8      durable: highest sequence that was forced when this was written
//	40      4      length of the body in bytes, at most MaxRecordBytes
//	44      4      sum of the body
//	48      4      sum of bytes 0 to 47
//	52      …      body
//
// # A register
//
// A register is a file of 8,192 bytes that holds one number. It has two slots,
// at 0 and 4,096, which are written in turn; the one with the highest
// generation and a right sum counts. So it is changed in place, without free
// space, and a torn write leaves the older value.
//
//	offset  bytes  field
//	0       7      "LSWMETA" or "LSWMARK"
//	7       1      format version, 1
//	8       16     identity of the log
//	24      8      generation
//	32      8      value
//	40      4      sum of bytes 0 to 39
//
// META has the floor: a trim writes and forces it before it touches a segment,
// and Open sets it to the first record. So a log that begins above its floor
// has lost its front.
//
// MARK is written after each sync that succeeded, and never synced by itself
// except by Close. It may be old after a loss of power, and it never says too
// much; so it adds to what the frames prove, and its loss is no damage.
//
// # What may be cut
//
// A segment is forced, and then the name of the next one, before the next one
// gets its first byte. So only the last segment may hold records that were
// never acknowledged, and a bad frame in any other is damage.
//
// In the last segment, the bytes from the first bad frame on are cut off if all
// of these hold:
//
//   - They look like the work of a crash: too short, or with a wrong sum, or no
//     frame at all. A frame that is sound and merely does not belong there, by
//     its sequence, its log or its durable field, is damage.
//   - MARK does not say that the sequence expected there was acknowledged.
//   - No frame header further on has a durable field at or above that sequence.
//
// The old file is kept under another name, which is a second link; the sound
// part goes to a new file, which is forced and takes the name.
//
// # Crashes
//
//	during               what is left                    Open
//	creation             no META                         begins again, if nothing else says that there was a log
//	Append               torn frames at the end          cuts them
//	segment change       full segment, perhaps no next   begins the next
//	Sync                 any of the unsynced sectors     keeps the sound front of them, cuts the rest
//	TrimFront, copying   *.START.TEMP                    removes it
//	TrimFront, removing  *.START, some segments          the log is whole without the copy: removes it;
//	                                                     or it is whole with it: finishes the trim
//	mending              *.TEMP, perhaps a second link   does the same again
//	a failed sync        pages that the kernel takes     writes everything above the mark again, the same
//	                     for clean, and are not          bytes in the same place, and then syncs
//
// # Assumptions about the disk
//
//   - fsync of a file makes its content and size durable, fsync of a directory
//     the names in it; what they returned nil for stays so.
//   - Names change in the order in which they were changed, or at least a
//     rename is not lost while a later removal in the same directory is kept.
//     Journalling file systems do so; tidwall/wal relies on it in its trims.
//   - A write of bytes that are there already, in place, leaves either.
//   - New blocks of a file read as what was written, or zeros, or garbage, but
//     not as a former segment in the same place.
//   - flock works and links exist: a local file system.
//
// # What cannot be seen
//
//   - After a loss of power MARK may be old. If then the records of the last
//     group, which no later frame vouches for, are damaged too, or missing
//     whole, they are cut or missed as if never acknowledged. The same holds
//     for a directory without MARK. The protocol above sees it: a decided height
//     that this node has neither committed nor prepared.
//   - An older copy of the whole directory, put in place of it, is a log.
//   - Sums find accidents. Who can write to the directory can forge; who knows
//     the identity of the log and has data logged can make a torn end look
//     damaged, not the reverse.
package wal
