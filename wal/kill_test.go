package wal

import (
	"math/rand/v2"
	"path/filepath"
	"testing"
)

// TestKill ends a writing process at random moments, over and over on the same
// log. What it was told is durable must be there, and what it was not told
// must not come back once the next process has written in its place.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("runs processes")
	}
	dir := filepath.Join(scratch(t), "log")
	w := newWorld(dir, 4000)
	rng := rand.New(rand.NewPCG(5, 6))
	kept, acks := 0, 0
	n := times(400, 10000)
	for run := range uint32(n) {
		j := job{dir: dir, run: run, segment: 4000, trim: 7}
		c := j.start(t)
		for range rng.IntN(60) {
			if !c.next() {
				t.Fatalf("child ended: %s", c.wait(t).stderr)
			}
			acks++
		}
		for range rng.IntN(20000) { // a moment between two messages
			rng.Uint64()
		}
		must(t, c.cmd.Process.Kill())
		r := c.wait(t)
		w.learn(j, r)
		before := w.acked
		w.settle(t)
		kept += int(w.acked - before)
	}
	t.Logf("%d processes killed after %d messages; %d records survived that nobody knew of", n, acks, kept)
}
