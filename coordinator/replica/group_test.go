package replica

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
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
	timing   Timing
}

// memory is what raft keeps, in memory.
type memory struct {
	*raft.InmemStore
	snapshots *memorySnapshots
}

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

// wire is a transport in memory that can lead to itself.
type wire struct {
	*raft.InmemTransport
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
	g.wires[name] = &wire{inner}
	g.join(name)
	// In production peers tell their directories with every call.
	for other, r := range g.replicas {
		p.Met(other, r.directory)
		r.meet(name, p.Self().Directory)
	}
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

// but gives all names but some.
func (g *group) but(names ...string) (rest []string) {
	for _, name := range g.names {
		if !slices.Contains(names, name) {
			rest = append(rest, name)
		}
	}
	return rest
}

// chain makes records that continue a state.
type chain struct {
	t       *testing.T
	config  protocol.Config
	epoch   protocol.Epoch
	decided *protocol.Decision
	pending []*protocol.Proposed
}

var oneShard = protocol.Config{Cluster: protocol.ClusterID{7}, Slots: protocol.EvenSlots(1), Limits: protocol.DefaultLimits()}

func newChain(t *testing.T, s protocol.CoordinatorState) *chain {
	return &chain{t: t, config: s.Config, epoch: s.Epoch, decided: s.Decided, pending: slices.Clone(s.Pending)}
}

func (c *chain) height() protocol.Height {
	if c.decided == nil {
		return 0
	}
	return c.decided.Height()
}

// claim makes the first records of an incarnation.
func (c *chain) claim() []protocol.Record {
	c.epoch++
	records := []protocol.Record{protocol.EpochClaimed{Epoch: c.epoch}}
	if c.config.IsZero() {
		c.config = oneShard
		records = append([]protocol.Record{protocol.Created{Config: oneShard}}, records...)
	}
	return records
}

func (c *chain) propose(key string) *protocol.Proposed {
	p := &protocol.Proposed{Height: c.height() + 1 + protocol.Height(len(c.pending)), Epoch: c.epoch, Key: key,
		Block: protocol.BlockID(key, []byte("body of "+key)), Body: []byte("body of " + key)}
	c.pending = append(c.pending, p)
	return p
}

func (c *chain) decide() *protocol.Decision {
	p := c.pending[0]
	c.pending = c.pending[1:]
	d := &protocol.Decision{Attempt: protocol.AttemptID{Height: c.height() + 1, Epoch: c.epoch, Attempt: 1}, Key: p.Key, Block: p.Block,
		Digests: []protocol.Digest{{byte(c.height() + 1)}}, Outcomes: protocol.NewOutcomes(0)}
	var root protocol.Digest
	if c.decided != nil {
		d.Parent, root = c.decided.Attempt, c.decided.Root
	}
	d.Root = protocol.ChainRoot(root, d.Height(), d.Block, d.Digests)
	c.decided = d
	return d
}

func (c *chain) withdraw(i int) protocol.Withdrawn {
	w := protocol.Withdrawn{Height: c.height() + 1 + protocol.Height(i), Key: c.pending[i].Key}
	c.pending = slices.Delete(slices.Clone(c.pending), i, i+1)
	return w
}

// must fails the test unless the records are appended.
func must(t *testing.T, l *Log, records ...protocol.Record) {
	t.Helper()
	if err := l.Append(records, true); err != nil {
		t.Fatal(err)
	}
}

// commits has blocks decided, one by one.
func (c *chain) commits(l *Log, keys ...string) {
	c.t.Helper()
	for _, key := range keys {
		if err := l.Append([]protocol.Record{c.propose(key)}, false); err != nil {
			c.t.Fatal(err)
		}
		must(c.t, l, c.decide())
	}
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
