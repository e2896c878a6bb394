// Package replica is one member of a group of coordinators: its copy of the
// replicated log (hashicorp/raft), what the log comes to, and its copy of the
// history. A single coordinator is a group of one.
//
//	r, err := replica.Open(replica.Options{…})
//	r.Register(server)           // the other members
//	lead, err := r.Lead(ctx)     // waits until this member leads, barrier passed
//	…                            // an incarnation on lead.State, appending to lead.Log,
//	                             // until lead.Lost is closed or the log is ErrFenced
//	err = r.Close()
//
// # The parts
//
//	Replica    raft, its files, and the goroutines beside it
//	Machine    the State of one member: applies entries, and keeps decisions in the
//	           history. Pure but for a lock; a simulator drives it alone
//	Entry      what an incarnation appends in one piece
//	Log        the decision log as one incarnation sees it
//	History    the history of this member, which a snapshot may replace
//	disk       the writes under way, to tell one that hangs
//	Offline    the directory of a stopped member, for tools
//	raftlog    (package) raft's entries on wal, its votes and terms on bbolt
//	raftsnap   (package) snapshots
//	raftnet    (package) raft's messages over gRPC
//
// # Entries
//
// An entry names the incarnation that appends it, its number there, and the entry
// it builds on. It counts if that one was the last that counted, and is without any
// effect otherwise, on every replica alike. So
//
//   - the first entry of an incarnation, which claims the epoch, is a
//     compare-and-swap on what the new coordinator has read: nothing of an older one
//     can come between unseen;
//   - once it is applied, nothing that was appended before it counts any more, even
//     if the node that did so leads again;
//   - "forced" means that all before it counts too, since a gap fences.
//
// What has to do with leadership, a timeout included, is ErrFenced: the outcome is
// unknown, the incarnation ends, and nothing is tried again inside. What is of the
// disk ends the process. Alone, a member keeps records that need no force until the
// next that do, so that one force serves both; with others it sends them ahead.
//
// # Where decisions are
//
// The State has the decisions that the history of this member may lack, and the
// blocks that are open. Every member moves decisions into its own history, leader or
// not. The head of a snapshot is the State; when a snapshot goes to another member
// its history follows. So a head grows with what is open, and a member that is new
// or far behind gets all that was ever decided. The history may be newer than the
// head, never older: what the log decides again is compared and left alone.
//
// The history notes the index up to which its decisions are those of the log. A log
// that ends below it was taken from elsewhere, or has lost entries that this member
// had acknowledged: refused. An incarnation that begins reads from the history the
// decisions that a resync may still ask for: State.Needed, which the one before had
// told the log, says from where on (C7).
//
// # Who is who
//
// A name is bound for good to the data directory that it was first met with
// (Enrolled, in the log). A coordinator that comes back under its name with another
// directory has forgotten what it acknowledged and whom it voted for; both sides
// refuse to talk. The way back is to remove the name and to add an empty member under
// a new one.
//
// A member that starts applies nothing until a leader tells what is committed, and
// may have to elect that leader first. So it goes by the bindings in its log, whether
// they are committed or not. And a member whose log is empty votes only for one whose
// log is empty too, as when a group begins, or that has its directory in its log. A
// newcomer therefore gets its vote when it has caught up, and is enrolled.
//
// # Learners
//
// Add makes a learner, which gets the log and has no vote, and Promote gives it one
// when its caller has found it level. Both may be repeated, also by another leader.
//
// # A disk that hangs
//
// Raft stores entries in the goroutine that leads, and sends heartbeats beside it. So
// a leader whose disk does not answer keeps its followers, and cannot hand over. The
// writes of raft and of the keeper are noted while they last. When one lasts longer than
// Options.DiskPatience on a leader of several, the replica fails with ErrHung, its
// transport is closed, and the others elect somebody else. What waits for raft is
// told at once, that the outcome is unknown; what waits for the disk is left behind.
//
// # Snapshots that meet a log
//
// A snapshot whose last entry the log holds is not installed; what comes behind may be
// acknowledged. If the log has another entry there, or raft would install it anyway,
// Restore fails the replica with ErrRestart before raft touches the log; the next start
// keeps the log or removes it. Raft 1.7.3 cannot do that while it runs
// (hashicorp/raft#697).
//
// # Data directory
//
//	member.json  whose it is, and the id of the directory
//	history.db   package history
//	log          package raftlog
//	raft.db      package raftlog
//	snapshots    package raftsnap
package replica
