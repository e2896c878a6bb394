package replica

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/coordinator/replica/raftsnap"
	"github.com/lockstep-exec/lockstep/protocol"
)

const patience = 20 * time.Second

// group is some replicas in one process. Their links can be cut, and what raft
// keeps stays when a replica is closed.
type group struct {
	t        *testing.T
	names    []string
	replicas map[string]*Replica
	options  map[string]Options
	stores   map[string]*memory
	wires    map[string]*wire
	cut      map[string]bool
	disk     bool // the stores are those of production
	// directories has that of each replica by its name.
	directories sync.Map
	timing      Timing
}

// memory is what raft keeps, in memory.
type memory struct {
	*raft.InmemStore
	snapshots *memorySnapshots
	broken    atomic.Bool // it stores no more terms
}

// SetUint64 implements raft.StableStore.
func (m *memory) SetUint64(key []byte, value uint64) error {
	if m.broken.Load() && bytes.Equal(key, termKey) {
		return errBroken
	}
	return m.InmemStore.SetUint64(key, value)
}

var errBroken = errors.New("input/output error")

// memorySnapshots adds the history of the replica to a snapshot of its own, as
// the store on disk does.
type memorySnapshots struct {
	list    []*memorySnapshot
	replica func() *Replica
}

type memorySnapshot struct {
	meta    raft.SnapshotMeta
	content bytes.Buffer
	store   *memorySnapshots
}

func (s *memorySnapshots) Create(v raft.SnapshotVersion, index, term uint64, c raft.Configuration, at uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	return &memorySnapshot{store: s, meta: raft.SnapshotMeta{
		Version: v, ID: fmt.Sprintf("%d-%d-%d", term, index, len(s.list)), Index: index, Term: term, Configuration: c, ConfigurationIndex: at,
	}}, nil
}

func (s *memorySnapshots) List() ([]*raft.SnapshotMeta, error) {
	if len(s.list) == 0 {
		return nil, nil
	}
	meta := s.list[len(s.list)-1].meta
	return []*raft.SnapshotMeta{&meta}, nil
}

func (s *memorySnapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	i := slices.IndexFunc(s.list, func(m *memorySnapshot) bool { return m.meta.ID == id })
	if i < 0 {
		return nil, nil, errors.New("no such snapshot")
	}
	meta, content := s.list[i].meta, s.list[i].content.Bytes()
	if r := s.replica(); r != nil && r.history.now() != nil && len(content) < 64<<10 {
		h := r.history.now()
		size, r, err := h.Copy()
		if err != nil {
			return nil, nil, err
		}
		more, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil || int64(len(more)) != size {
			return nil, nil, fmt.Errorf("copy of %d bytes of %d: %w", len(more), size, err)
		}
		content = append(slices.Clone(content), more...)
	}
	meta.Size = int64(len(content))
	return &meta, io.NopCloser(bytes.NewReader(content)), nil
}

func (s *memorySnapshots) newest() (*raftsnap.Snapshot, error) {
	if len(s.list) == 0 {
		return nil, nil
	}
	m := s.list[len(s.list)-1]
	head, err := raftsnap.ReadHead(bytes.NewReader(m.content.Bytes()))
	return &raftsnap.Snapshot{Meta: m.meta, Head: head}, err
}

func (m *memorySnapshot) ID() string                  { return m.meta.ID }
func (m *memorySnapshot) Cancel() error               { return nil }
func (m *memorySnapshot) Write(b []byte) (int, error) { return m.content.Write(b) }
func (m *memorySnapshot) Close() error {
	m.store.list = append(m.store.list, m)
	return nil
}

// wire is a transport in memory. It tells of the directory of whoever answers, as
// the one of production does.
type wire struct {
	*raft.InmemTransport
	met func(name string)
}

func (w *wire) AppendEntries(id raft.ServerID, to raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	err := w.InmemTransport.AppendEntries(id, to, args, resp)
	if err == nil {
		w.met(string(id))
	}
	return err
}

var quick = Timing{Heartbeat: 250 * time.Millisecond, Election: 250 * time.Millisecond, Lease: 200 * time.Millisecond}

// newGroup starts replicas of a new group.
func newGroup(t *testing.T, names ...string) *group { return newGroupOn(t, false, names...) }

func newGroupOn(t *testing.T, disk bool, names ...string) *group {
	return newGroupWith(t, disk, quick, names...)
}

func newGroupWith(t *testing.T, disk bool, timing Timing, names ...string) *group {
	g := &group{t: t, disk: disk, timing: timing, replicas: map[string]*Replica{}, options: map[string]Options{}, stores: map[string]*memory{}, wires: map[string]*wire{}, cut: map[string]bool{}}
	var members []Member
	for _, name := range names {
		members = append(members, Member{name, name + ":1"})
	}
	for _, name := range names {
		g.start(name, members, false)
	}
	t.Cleanup(func() {
		for name := range g.replicas {
			g.stop(name)
		}
	})
	return g
}

// start opens a replica, with what it has on its disk.
func (g *group) start(name string, members []Member, join bool) {
	g.t.Helper()
	o, known := g.options[name]
	if !known {
		o = Options{Directory: g.t.TempDir(), Name: name, Address: name + ":1", Members: members, Join: join, Timing: g.timing,
			Logger: hclog.NewNullLogger(), Stores: g.open, Connect: g.connect}
		if g.disk {
			o.Stores = nil
		}
		g.options[name] = o
		g.stores[name] = &memory{InmemStore: raft.NewInmemStore(), snapshots: &memorySnapshots{replica: func() *Replica { return g.replicas[name] }}}
		g.names = append(g.names, name)
	}
	r, err := Open(o)
	if err != nil {
		g.t.Fatal(err)
	}
	g.replicas[name] = r
}

func (g *group) open(o Options, _ *History) (Stores, error) {
	m := g.stores[o.Name]
	return Stores{Log: m, Stable: m, Snapshots: m.snapshots, Newest: m.snapshots.newest, Close: func() error { return nil }}, nil
}

func (g *group) connect(p Peering) (Transport, error) {
	_, inner := raft.NewInmemTransport(raft.ServerAddress(p.Address))
	name := p.Self().Name
	g.directories.Store(name, p.Self().Directory)
	g.wires[name] = &wire{inner, func(other string) {
		if d, ok := g.directories.Load(other); ok {
			p.Met(other, d.(protocol.DirectoryID))
		}
	}}
	g.join(name)
	return g.wires[name], nil
}

// join links a replica with all that are not cut off.
func (g *group) join(name string) {
	for other, w := range g.wires {
		if other == name || g.cut[other] || g.cut[name] {
			continue
		}
		w.Connect(raft.ServerAddress(name+":1"), g.wires[name].InmemTransport)
		g.wires[name].Connect(raft.ServerAddress(other+":1"), w.InmemTransport)
	}
}

// isolate cuts a replica off from all others.
func (g *group) isolate(name string) {
	g.cut[name] = true
	for other, w := range g.wires {
		if other != name {
			w.Disconnect(raft.ServerAddress(name + ":1"))
		}
	}
	g.wires[name].DisconnectAll()
}

func (g *group) heal(name string) {
	delete(g.cut, name)
	g.join(name)
}

// stop closes a replica. What it has on its disk stays.
func (g *group) stop(name string) {
	g.t.Helper()
	r := g.replicas[name]
	delete(g.replicas, name)
	delete(g.wires, name)
	for _, w := range g.wires {
		w.Disconnect(raft.ServerAddress(name + ":1"))
	}
	if err := r.Close(); err != nil {
		g.t.Errorf("close %s: %v", name, err)
	}
}

// leads waits for one of the replicas to lead.
func (g *group) leads(names ...string) (*Replica, *Lead) {
	g.t.Helper()
	if len(names) == 0 {
		names = g.names
	}
	type led struct {
		r *Replica
		l *Lead
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	won := make(chan led, len(names))
	waiting := 0
	for _, name := range names {
		r := g.replicas[name]
		if r == nil {
			continue
		}
		waiting++
		go func() {
			l, err := r.Lead(ctx)
			if err == nil {
				cancel()
			}
			won <- led{r, l}
		}()
	}
	var first led
	for range waiting {
		if w := <-won; w.l != nil && first.l == nil {
			first = w
		}
	}
	if first.l == nil {
		g.t.Fatalf("none of %v leads", names)
	}
	return first.r, first.l
}

// decides has a block decided by whoever leads, through as many incarnations as
// that takes.
func (g *group) decides(key string) {
	g.t.Helper()
	eventually(g.t, key+" is decided", func() bool {
		_, l := g.leads()
		if l.State.Decided != nil && l.State.Decided.Key == key {
			return true // by one that was not told
		}
		c := newChain(g.t, l.State)
		records := append(c.claim(), c.propose(key))
		err := l.Log.Append(append(records, c.decide()), true)
		if err != nil && !errors.Is(err, ErrFenced) {
			g.t.Fatal(err)
		}
		return err == nil
	})
}

// but gives all names but some.
func (g *group) but(names ...string) (rest []string) {
	for _, name := range g.names {
		if !slices.Contains(names, name) {
			rest = append(rest, name)
		}
	}
	return rest
}

// eventually waits for something that the replicas do by themselves.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}
