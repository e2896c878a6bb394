package rpc_test

import (
	"net"
	"sync"
	"testing"
)

// proxy forwards connections to an address, until it is cut: then it keeps
// them open and forwards nothing, like a network that drops every packet.
type proxy struct {
	net.Listener
	to string

	mu          sync.Mutex
	connections []net.Conn
	silent      bool
	running     sync.WaitGroup
}

func startProxy(t *testing.T, to string) *proxy {
	t.Helper()
	p := &proxy{Listener: listen(t), to: to}
	p.running.Go(p.accept)
	t.Cleanup(func() {
		p.Close()
		p.reset()
		p.running.Wait()
	})
	return p
}

func (p *proxy) address() string { return p.Addr().String() }

func (p *proxy) accept() {
	for {
		in, err := p.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", p.to)
		if err != nil {
			in.Close()
			continue
		}
		p.mu.Lock()
		p.connections = append(p.connections, in, out)
		p.mu.Unlock()
		p.running.Go(func() { p.forward(in, out) })
		p.running.Go(func() { p.forward(out, in) })
	}
}

func (p *proxy) forward(from, to net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if p.isSilent() {
			continueSilently(from, err)
			return
		}
		if _, failed := to.Write(buf[:n]); err != nil || failed != nil {
			from.Close()
			to.Close()
			return
		}
	}
}

// continueSilently swallows what comes until the connection is closed.
func continueSilently(from net.Conn, err error) {
	buf := make([]byte, 32<<10)
	for err == nil {
		_, err = from.Read(buf)
	}
}

func (p *proxy) isSilent() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.silent
}

// cut makes the connections silent; new ones are forwarded after heal.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = true
}

func (p *proxy) heal() {
	p.reset()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = false
}

// reset closes every connection.
func (p *proxy) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.connections {
		c.Close()
	}
	p.connections = nil
}
