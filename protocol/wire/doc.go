// Package wire converts between the messages of package protocol and those of
// package wirepb, and is the one place where bytes from the network become
// something the program believes in.
//
// Marshal turns an envelope into the bytes of one ToShard or ToCoordinator
// message and names the lane it travels on; UnmarshalToShard and
// UnmarshalToCoordinator turn such bytes back, or refuse them with an error
// that wraps ErrMalformed or ErrTooLarge. A refused message has changed
// nothing. Chunk and Assembler cut messages into frames and put them together.
//
// What is checked here is form: lengths, enumerations, ranges, text, counts.
// What a message means, and whether it may come now, is for the state machines
// of package protocol, which answer with a reason that an operator can act on;
// so a Hello of shard 9 in a cluster of four passes here, and is rejected there.
//
// # Lanes
//
// Within a lane, messages arrive in the order in which they were sent. A
// message of the control lane may overtake messages of the bulk lane that were
// sent before it; the reverse never happens. From the coordinator:
//
//	Welcome  control  nothing is sent on a session before it, so nothing overtakes it
//	Peers    control  after the Welcome; early news of an address harms nobody
//	Commit   control  must not wait behind a block
//	Reject   control  ends the session, whatever else is under way
//	Execute  bulk     large
//	Abort    bulk     must not overtake the Execute it aborts
//
// Why a Commit may overtake everything in the bulk lane: the Commit of attempt
// (h, a) is sent after this shard voted for it, or listed it in its Hello, so
// the Execute of (h, a), if there was one on this session, has arrived, and so
// has every Abort of an earlier attempt at h, which stood before it in the
// same lane. What it can overtake is then
//   - an Execute or Abort at a height above h: the Execute's parent is (h, a),
//     committed now in place of prepared, which S6 allows alike;
//   - an Abort at h or below that answers a late vote (C8), for an attempt that
//     the shard has dropped or never held: at or below the committed height an
//     Abort drops nothing.
//
// Commits stay in order among themselves, as S4 asks. A shard sends everything
// on the bulk lane, first in first out.
package wire
