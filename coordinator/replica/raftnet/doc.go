// Package raftnet carries the messages of hashicorp/raft between the
// coordinators of a cluster over gRPC, on the listener that clients and shards
// use too. A Transport is a raft.Transport with raft.WithPreVote and
// raft.WithClose:
//
//	transport, err := raftnet.New(options)
//	transport.Register(server)          // any time before the server serves
//	node, err := raft.NewRaft(config, fsm, logs, stable, snapshots, transport)
//
// # Who is who
//
// A coordinator that lost its disk has forgotten whom it voted for and what it
// acknowledged; under its old name it could elect a leader that lacks committed
// entries. So every call says who calls whom, by cluster, name and id of the
// data directory, every answer says who answers, and both sides refuse what
// does not fit with a RefusedError. One whose log is empty votes only for whom has
// an empty log too, or knows its data directory. Options.Expect tells which directory a name
// has; Options.Met hears of one that nothing is recorded about yet.
//
// # What travels
//
//   - Votes, leadership transfers and appends without entries are single calls
//     with a deadline. A heartbeat never waits behind entries, and is handed to
//     the fast path of raft, so that a busy disk deposes no leader.
//   - Entries go through a stream, some requests deep, answered in order. A
//     request with more than BatchBytes of entries is cut into several, and an
//     entry into frames of at most FrameBytes.
//   - A snapshot is one stream of exactly the announced length.
//
// # Rules
//
//   - A target that works on a request says so every quarter of the caller's
//     Timeout. A stream on which nothing came for a Timeout is given up, however
//     long requests may take on slow disks.
//   - A connection on which a call got no answer within its Timeout, and on
//     which nothing else came either, is closed and dialled anew, because TCP
//     would take minutes to notice.
//   - Lengths are checked before memory is taken for them, and what all callers
//     together may occupy is bounded.
//   - Whatever comes in ends at most its own call. What raft would panic on, such
//     as a configuration that cannot be decoded, is refused here.
//   - A snapshot whose last entry is in the log is not installed but answered at
//     once, so that one that comes late takes nothing away. One whose call has
//     ended is not begun, and one that was begun ends with an error, unless raft
//     had all of it.
//   - A request commits nothing beyond the entries that it proves to be there.
package raftnet
