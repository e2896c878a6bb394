// Package rpc is the transport of Lockstep: gRPC servers and clients with the
// right limits, and the sessions between coordinator and shards.
//
// NewServer and Dial hold every limit, timeout and keepalive in one place.
// Host serves a node and ends it in order.
//
// SessionClient (on a shard) and SessionServer (on the coordinator) carry
// protocol envelopes. Both tell a SessionHandler what happens:
//
//	Opened    once, first
//	Received  for every message, in the order of the wire
//	Closed    once, last
//
// and both take messages with Send, which never waits. The rules that make
// this safe, each with a test:
//
//   - A reader never waits for a writer (rule S10). What a slow peer does not
//     take piles up in a queue of bounded length; when it is full, the session
//     ends, and the resync that follows repairs everything.
//   - A Commit never waits behind a block. Messages are cut into frames of at
//     most 256 KiB, and before each frame of a block the writer looks for
//     messages of the control lane. Package wire says which messages those are.
//   - Whatever comes in ends at most its own session.
//   - A cut is noticed within seconds although nothing says so: both sides send
//     a heartbeat when they have nothing else to send, and end a session on
//     which they have heard nothing for a while.
//   - Messages of a session that has ended are never handed on (rule S5).
//
// A shard that cannot reach its coordinator dials for ever, with exponential
// backoff and full jitter, and says so at the 1st, 2nd, 4th, 8th … failure. Of
// several coordinators it dials one after the other, and goes where one sends it
// that does not lead. While one answers, though nobody leads, the pauses stay
// short: the leader comes within seconds.
//
// While a session stands, a shard learns from the coordinator who the others are,
// so that all that its operator named may be replaced. A coordinator that says
// nothing for a second is asked after: if another one leads in a newer term, the
// session ends and the shard goes there. Clients use the same: Standing, Successor.
package rpc
