package raftnet_test

import (
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/coordinator/replica/raftnet"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
)

// directories is what is recorded of the coordinators of a test.
type directories struct {
	mu  sync.Mutex
	all map[raft.ServerID]protocol.DirectoryID
	met []raft.ServerID
}

func (d *directories) expect(id raft.ServerID) (protocol.DirectoryID, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	directory, known := d.all[id]
	return directory, known
}

func (d *directories) record(id raft.ServerID, directory protocol.DirectoryID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all == nil {
		d.all = map[raft.ServerID]protocol.DirectoryID{}
	}
	d.all[id] = directory
	d.met = append(d.met, id)
}

// host is a transport on a server of its own.
type host struct {
	*raftnet.Transport
	id      raft.ServerID
	address raft.ServerAddress
	known   *directories
	stop    func()
}

type change = func(*raftnet.Options)

func startHost(t testing.TB, id raft.ServerID, changes ...change) *host {
	t.Helper()
	return startHostAt(t, id, listen(t), changes...)
}

func startHostAt(t testing.TB, id raft.ServerID, l net.Listener, changes ...change) *host {
	t.Helper()
	h := &host{id: id, address: raft.ServerAddress(l.Addr().String()), known: &directories{}}
	identity := raftnet.Identity{Cluster: protocol.ClusterID{7}, Name: id, Directory: directoryOf(id)}
	o := raftnet.Options{
		Address:  h.address,
		Identity: func() raftnet.Identity { return identity },
		Expect:   h.known.expect,
		Met:      h.known.record,
		Timeout:  5 * time.Second, // the machine may be busy
	}
	for _, change := range changes {
		change(&o)
	}
	transport, err := raftnet.New(o)
	if err != nil {
		t.Fatal(err)
	}
	h.Transport = transport
	server := rpc.NewServer(rpc.ServerOptions{Identity: o.Proof})
	transport.Register(server)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(l) })
	h.stop = sync.OnceFunc(func() {
		if err := transport.Close(); err != nil {
			t.Error(err)
		}
		server.Stop()
		serving.Wait()
	})
	t.Cleanup(h.stop)
	return h
}

func directoryOf(id raft.ServerID) (d protocol.DirectoryID) {
	copy(d[:], id)
	d[15] = 1
	return d
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// answer plays raft: it answers every request until the test ends.
func (h *host) answer(t testing.TB, with func(raft.RPC) (any, error)) {
	t.Helper()
	end := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for {
			select {
			case request := <-h.Consumer():
				request.Respond(with(request))
			case <-end:
				return
			}
		}
	})
	t.Cleanup(sync.OnceFunc(func() {
		close(end)
		running.Wait()
	}))
}

// accepted answers like a follower that has room for everything.
func accepted(request raft.RPC) (any, error) {
	a, ok := request.Command.(*raft.AppendEntriesRequest)
	if !ok {
		return nil, errors.New("no append")
	}
	return &raft.AppendEntriesResponse{Term: a.Term, LastLog: a.PrevLogEntry + uint64(len(a.Entries)), Success: true}, nil
}

func header(id raft.ServerID, address raft.ServerAddress) raft.RPCHeader {
	return raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(id), Addr: []byte(address)}
}

// appendOf makes a request of entries with data of the given lengths, behind
// entry 10 of term 2.
func appendOf(sizes ...int) *raft.AppendEntriesRequest {
	a := &raft.AppendEntriesRequest{
		RPCHeader:    raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax},
		Term:         4,
		PrevLogEntry: 10,
		PrevLogTerm:  2,
	}
	for i, size := range sizes {
		e := &raft.Log{Index: 11 + uint64(i), Term: 3, Data: make([]byte, size)}
		for j := range e.Data {
			e.Data[j] = byte(i + j)
		}
		a.Entries = append(a.Entries, e)
	}
	return a
}

// await receives, but not for ever.
func await[T any](t testing.TB, from <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(20 * time.Second):
		t.Fatal("waited in vain for ", what)
	}
	return v
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for tick := time.NewTicker(5 * time.Millisecond); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain until ", what)
		}
	}
}
