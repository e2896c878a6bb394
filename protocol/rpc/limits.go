package rpc

import "time"

// Limits of every server and client of the project. What peers can take beside is
// bounded by package guard.
const (
	// MaxMessageBytes bounds one gRPC message: a block of 64 MiB with its
	// framing, or the values of a large read.
	MaxMessageBytes = 80 << 20
	// maxStreams bounds the streams of one connection.
	maxStreams = 256
	// maxHeaderBytes bounds the headers of one call.
	maxHeaderBytes = 16 << 10
	// connectTimeout bounds the handshake of a connection.
	connectTimeout = 5 * time.Second
	// idleTimeout is how long a connection may stand without a call. Clients make it
	// again by themselves.
	idleTimeout = 15 * time.Minute

	// A server asks after a silent client every pingEvery, and cuts it off if
	// there is no answer within pingTimeout.
	pingEvery   = 2 * time.Second
	pingTimeout = 2 * time.Second
	// clientPingEvery is the shortest that grpc-go lets a client ask; whoever
	// must notice a cut sooner needs heartbeats of its own, as sessions have.
	clientPingEvery = 10 * time.Second
	// pingsAllowed is how often a client may ask before it is cut off. It is
	// shorter than clientPingEvery because clients in other languages may ask
	// as often as servers here do.
	pingsAllowed = time.Second

	// Flow control windows, fixed so that a block of some megabytes does not
	// wait for the estimator to learn the line.
	streamWindow     = 1 << 20
	connectionWindow = 4 << 20
)
