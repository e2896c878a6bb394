// Package client talks to a cluster: it finds the coordinator that leads among several
// addresses, bounds every call in time, turns what goes wrong into sentences, and
// submits blocks until their outcome is known.
//
//	c, err := client.New([]string{"10.0.0.1:7400", "10.0.0.2:7400"}, client.Options{})
//	result, err := c.Submit(ctx, "orders/2031", transactions)
//	switch {
//	case errors.Is(err, client.ErrUnknown): // ask again, with the same key
//	case errors.Is(err, client.ErrAborted): // nothing was changed; it may be tried again
//	case errors.Is(err, client.ErrRefused): // nothing was changed, and never will be
//	}
//
// Client is for programs of one's own. Coordinator and Shard are the same on the level
// of messages, for the commands of lockstep.
//
// Nobody says "failed" of a block whose outcome is not known: it is unknown, and
// asking again with the same block key gets the true answer.
//
// # What is tried again
//
// A block is sent again until its outcome is known or its time is over, since its key
// makes that harmless: after a broken connection, a redirect, an answer of "unknown",
// or when it is asked to come back. Calls that only read go to one coordinator after
// the other, and give up when none of them answers; while some answer, but none leads
// yet, they are made again until ctx ends. Pauses grow from 100 ms to 2 s, spread at
// random; 500 ms at most while there is hope that one leads soon.
//
// Nobody tells a client that waits at a leader which stands still. So a vigil asks
// the other coordinators after a second of silence, and ends the call if another one
// leads by now; and from the one that it calls the client learns who the others are.
package client
