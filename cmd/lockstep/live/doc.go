// Package live shows the status of a cluster on a terminal, drawn in place until
// somebody has seen enough.
//
//	Watch     looks and draws, in turn, until its context ends
//	View      what was seen last, how old that is, and how fast things go; lays it
//	          out for a terminal of some size
//	Headline  the one sentence for somebody who has no time
//	Screen    the terminal: its other screen while it is open, redrawn line by line
//
// Looking may take long, as when nobody answers; drawing goes on meanwhile, with
// the age of what was seen last.
package live
