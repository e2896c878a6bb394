package replica

import "testing"

// TestAnOrderlyStopKeepsWhatIsDecided: nothing is left for the next start, on a
// leader and on its followers, although the keeper had no time of its own.
func TestAnOrderlyStopKeepsWhatIsDecided(t *testing.T) {
	g := newGroupOn(t, true, "c1", "c2", "c3")
	r, l := g.leads()
	c := newChain(t, l.State)
	must(t, l.Log, c.claim()...)
	c.commits(l.Log, "a")
	for _, name := range g.names {
		eventually(t, name+" has a history", func() bool { return g.replicas[name].history.Height() == 1 })
		g.replicas[name].keeping.Lock() // its keeper waits from now on
	}
	c.commits(l.Log, "b", "c")
	for _, name := range append(g.but(r.options.Name), r.options.Name) {
		stopping := g.replicas[name]
		eventually(t, name+" has applied them", func() bool { s := stopping.State(); return s.Height() == 3 })
		if h := stopping.history.Height(); h != 1 {
			t.Fatalf("%s: the history goes up to height %d already", name, h)
		}
	}
	for _, name := range g.but() {
		dir := g.options[name].Directory
		g.replicas[name].keeping.Unlock()
		g.stop(name)
		o, err := ReadOffline(dir)
		if err != nil {
			t.Fatal(err)
		}
		if h := o.History.Height(); h != 3 {
			t.Errorf("%s: the history goes up to height %d, want 3", name, h)
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}
}
