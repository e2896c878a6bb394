// Package guard bounds what the peers of a port can take: connections, memory, calls,
// processor time. It stands between the network and the servers of gRPC and HTTP, and
// knows nothing of what is served.
//
//	Listener   connections: in all, of one peer, not yet opened, new ones per second
//	Secure     what is metered of an HTTP/2 connection of gRPC, inside TLS:
//	           resets, small frames, messages that stay incomplete, bytes held,
//	           bytes of which nothing comes
//	Calls      calls under way: in all and of one peer, by class
//	Slots      calls of one peer that are received, or read, at one time; what
//	           becomes of messages that are not decoded
//	Unary, …   turns and pace of calls that read, and answers that nobody takes
//	Pages, …   pages of one address, over HTTP, and those under way of one peer
//
// A peer is an identity that was proven, else an address; the addresses of one IPv6
// network of 64 bits are one. Where there is not room for everybody, those who have not
// shown yet who they are give way, then whoever takes most: a member with a few connections gets in however many strangers there are,
// and stays in.
//
// Who goes beyond a limit is refused, or its connection is ended. Refusals counts that
// and logs it like an outage, by the name of the limit. Every limit and what it is for
// stands in limits.go.
package guard
