package sim

import "time"

// often has faults come twice as often as a seed would have them at most.
func often(w *world, _ *Wraps) { w.rate = 800 }

// together has clients submit several blocks at once, that begin together.
func together(w *world, _ *Wraps) {
	w.rate, w.pause, w.protocol.Window = 400, 5*time.Millisecond, 8
}

// oneByOne is together, with one force for each event of a node.
func oneByOne(w *world, into *Wraps) {
	together(w, into)
	w.mostEvents = 1
}

// lateCheckpoints leaves what is committed in memory for long.
func lateCheckpoints(w *world, _ *Wraps) {
	w.checkpoint.MaxBytes, w.checkpoint.HoldBack = 1<<20, 64
	w.checkpoint.MaxAge, w.checkpoint.IdleAfter = 5*time.Second, 5*time.Second
	w.runner.BacklogBytes = 1 << 20
}

// untrimmed leaves all logs as long as they are, so that what a database lacks
// is still there.
func untrimmed(w *world, _ *Wraps) { w.trimBytes = 1 << 30 }

// impatient is together, with clients that all have a deadline, and a short one.
func impatient(w *world, into *Wraps) {
	together(w, into)
	often(w, into)
	w.hurried, w.patience = 100, 400*time.Millisecond
}

// unhurried has clients take so long between the look-up of a key and the rest that
// the history grows meanwhile, more than once.
func unhurried(w *world, _ *Wraps) { w.pause = 200 * time.Millisecond }
