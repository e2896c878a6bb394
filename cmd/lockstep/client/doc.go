// Package client is the command line's side of the API: it finds a coordinator
// among several addresses, bounds every call in time, turns what goes wrong
// into sentences, and submits blocks until their outcome is known.
//
// Submit never says "failed" of a block whose outcome it does not know: it
// says unknown, and asking again with the same block key gets the true answer.
//
// Nobody tells a client that waits at a leader which stands still. So a vigil asks
// the other coordinators after a second of silence, and ends the call if another one
// leads by now; and from the one that it calls the client learns who the others are.
package client
