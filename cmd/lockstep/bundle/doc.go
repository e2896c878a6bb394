// Package bundle gathers what all daemons of a cluster tell of themselves into one
// file, to be sent to whoever helps: a .tar.gz with a folder for each daemon, and a
// manifest.json that says what is in it and what could not be had, and why. What
// cannot be had is a line there and no failure; a cluster of which half is dead is
// when such a file is wanted.
//
//	Target    a daemon to ask
//	Collect   asks them all, several at once, each part with bounds on time and size
//	Manifest  what came of it
package bundle
