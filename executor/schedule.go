package executor

import "sync"

// Schedule runs pieces of work: on goroutines in production, one at a time in
// an order of its own in a simulator. What an execution comes to never depends
// on the order. A piece never waits for another one.
//
// Go never runs the piece itself, for it is called with locks held. It must be
// safe for concurrent use if pieces are.
type Schedule interface{ Go(piece func()) }

// Goroutines is the Schedule of production: a goroutine for each piece. Who
// asks for pieces bounds them; the zero value is ready for use.
type Goroutines struct{ group sync.WaitGroup }

// Go implements Schedule.
func (g *Goroutines) Go(piece func()) { g.group.Go(piece) }

// Wait waits for the pieces under way. Whoever asks for pieces must have been
// closed before.
func (g *Goroutines) Wait() { g.group.Wait() }
