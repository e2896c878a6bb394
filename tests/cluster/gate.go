package cluster

import "sync"

// gate lets bytes pass while it is open. The zero value is open.
type gate struct {
	mu     sync.Mutex
	barred chan struct{} // closed when the gate opens; nil while it is open
}

// open is what passage gives while nothing is in the way.
var open = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// passage gives a channel that is closed as soon as bytes may pass.
func (g *gate) passage() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.barred == nil {
		return open
	}
	return g.barred
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.barred == nil {
		g.barred = make(chan struct{})
	}
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.barred != nil {
		close(g.barred)
		g.barred = nil
	}
}
