// Package client is the command line's side of the API: it finds a coordinator
// among several addresses, bounds every call in time, turns what goes wrong
// into sentences, and submits blocks until their outcome is known.
//
// Submit never says "failed" of a block whose outcome it does not know: it
// says unknown, and asking again with the same block key gets the true answer.
package client
