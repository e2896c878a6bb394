// Package link puts a TCP relay between two processes, so that the line between
// them can be held, cut and healed while both stay up.
//
//	open   bytes pass both ways
//	held   connections stand, and what the dialler sends is kept back
//	cut    connections are broken, and new ones are closed at once
package link
