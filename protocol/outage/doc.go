// Package outage tells a log of troubles that go on for long in few lines: that
// one has begun, then that it goes on, at doubling intervals of 1 s to 5 min, then
// that it is over. An outage of an hour takes some twenty lines, however often
// what failed was tried again meanwhile, and its last line says how long it lasted.
//
//	trouble := outage.New(logger, time.Now)
//	…
//	trouble.Warn("cannot reach a peer, trying again", "peer", peer, "error", err) // at every failure
//	trouble.Over("peer reached", "peer", peer)                                    // at every success
//
// The lines of a trouble have these keys besides those that are given:
//
//	for       how long it goes on
//	failures  how often it was met so far
//	lasted    in the last line, how long it took
//	left_out  in the last line, how many of the failures have no line of their own
//
// A trouble that comes and goes all the time is one trouble: its end is told only
// if its beginning was, and the intervals go on growing until it has been well
// for a minute. What is left out of the log has lines at level debug.
package outage
