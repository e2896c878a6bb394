package raftnet_test

import (
	"net"
	"sync"
	"testing"

	"github.com/hashicorp/raft"
)

// proxy forwards connections to an address. While it is silent it keeps them
// open and forwards nothing, like a network that drops every packet; those that
// were open then stay silent for ever.
type proxy struct {
	net.Listener
	to      string
	running sync.WaitGroup

	mu     sync.Mutex
	open   []net.Conn
	silent bool
}

func startProxy(t *testing.T, to raft.ServerAddress) *proxy {
	t.Helper()
	p := &proxy{Listener: listen(t), to: string(to)}
	p.running.Go(p.accept)
	t.Cleanup(func() {
		p.Close()
		p.mu.Lock()
		for _, c := range p.open {
			c.Close()
		}
		p.mu.Unlock()
		p.running.Wait()
	})
	return p
}

func (p *proxy) address() raft.ServerAddress { return raft.ServerAddress(p.Addr().String()) }

func (p *proxy) setSilent(silent bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = silent
}

func (p *proxy) isSilent() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.silent
}

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
		p.open = append(p.open, in, out)
		p.mu.Unlock()
		p.running.Go(func() { p.forward(in, out) })
		p.running.Go(func() { p.forward(out, in) })
	}
}

func (p *proxy) forward(from, to net.Conn) {
	buf := make([]byte, 32<<10)
	for lost := false; ; {
		n, err := from.Read(buf)
		if lost = lost || p.isSilent(); !lost && err == nil {
			_, err = to.Write(buf[:n])
		}
		if err != nil {
			from.Close()
			if !lost {
				to.Close()
			}
			return
		}
	}
}
