package members

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a group as a member sees it, that does what it is told.
type fake struct {
	mu       sync.Mutex
	identity replica.Identity
	status   replica.Status
	state    replica.State
	err      error         // of every change
	holds    chan struct{} // changes wait until it is closed; nil for not
	entered  chan struct{} // a token per change that has begun
	changes  []string
	removed  bool // noted
	stays    bool // nobody takes the leadership over
}

func (f *fake) Identity() replica.Identity { f.mu.Lock(); defer f.mu.Unlock(); return f.identity }
func (f *fake) Status() replica.Status     { f.mu.Lock(); defer f.mu.Unlock(); return f.status }
func (f *fake) State() replica.State       { f.mu.Lock(); defer f.mu.Unlock(); return f.state }

func (f *fake) Add(m replica.Member) error {
	return f.change("add "+m.Name+" "+m.Address, func() {
		i := slices.IndexFunc(f.status.Members, func(old replica.Member) bool { return old.Name == m.Name })
		if f.status.Members = slices.Clone(f.status.Members); i >= 0 {
			f.status.Members[i] = m
			return
		}
		f.status.Members, f.status.Learners = append(f.status.Members, m), append(f.status.Learners, m.Name)
	})
}

func (f *fake) Promote(name string) error {
	return f.change("promote "+name, func() { f.status.Learners = nil })
}
func (f *fake) NoteRemoved(yes bool) { f.set(func(f *fake) { f.removed = yes }) }

func (f *fake) Remove(name string) error   { return f.change("remove "+name, func() {}) }
func (f *fake) Transfer(name string) error { return f.change("transfer "+name, func() {}) }

// change notes a change, and does it unless it is to fail.
func (f *fake) change(what string, do func()) error {
	f.mu.Lock()
	f.changes = append(f.changes, what)
	err, holds := f.err, f.holds
	f.mu.Unlock()
	if f.entered != nil {
		f.entered <- struct{}{}
	}
	if holds != nil {
		<-holds
	}
	if err == nil {
		f.set(func(*fake) { do() })
	}
	return err
}

func (f *fake) AwaitOther(ctx context.Context) (replica.Member, error) {
	for _, m := range f.Status().Members {
		if stays := false; m.Name != f.Status().Name {
			if f.set(func(f *fake) { stays = f.stays }); stays {
				continue
			}
			return m, nil
		}
	}
	<-ctx.Done()
	return replica.Member{}, ctx.Err()
}

// acknowledges has a peer have the log up to an index.
func (f *fake) acknowledges(name string, index uint64) {
	f.set(func(f *fake) {
		f.status.Peers = slices.DeleteFunc(slices.Clone(f.status.Peers), func(p replica.Peer) bool { return p.Name == name })
		f.status.Peers = append(f.status.Peers, replica.Peer{Name: name, Acknowledged: index, Contact: time.Now(), Sent: 5 * index})
	})
}

func (f *fake) set(change func(*fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// served is a fake with its service and an address.
type served struct {
	*fake
	service *Service
	address string
	client  wirepb.ClusterServiceClient
	stop    func()
}

// member starts a service for a fake until the test ends.
func member(t *testing.T, name string) *served {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &served{fake: &fake{}, address: l.Addr().String()}
	m.identity = replica.Identity{Cluster: protocol.ClusterID{7}, Name: name, Directory: protocol.DirectoryID([]byte(name + "-directory-here.")[:16])}
	m.status = replica.Status{Name: name, Role: replica.RoleFollower, Term: 3, Committed: 1000, Last: 1000, Applied: 1000, Contact: 40 * time.Millisecond}
	m.service = New(Options{Group: m.fake, Address: m.address, TakeOver: 50 * time.Millisecond})
	server := rpc.NewServer(rpc.ServerOptions{})
	m.service.Register(server)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	conn, err := rpc.Dial(m.address)
	if err != nil {
		t.Fatal(err)
	}
	m.client = wirepb.NewClusterServiceClient(conn)
	m.stop = sync.OnceFunc(func() {
		conn.Close()
		server.Stop()
		<-served
		if err := m.service.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(m.stop)
	return m
}

// group is members of one cluster, of which the first leads.
func group(t *testing.T, names ...string) (leader *served, all []*served) {
	t.Helper()
	var members []replica.Member
	enrolled := map[string]protocol.DirectoryID{}
	for _, name := range names {
		m := member(t, name)
		all = append(all, m)
		members = append(members, replica.Member{Name: name, Address: m.address})
		enrolled[name] = m.identity.Directory
	}
	for i, m := range all {
		m.status.Members, m.status.Leader, m.state.Enrolled = members, members[0], enrolled
		if i == 0 {
			m.status.Role, m.status.Contact = replica.RoleLeader, 0
		} else {
			all[0].acknowledges(m.status.Name, 1000)
		}
	}
	return all[0], all
}

// newcomer is an empty coordinator that waits to be added.
func newcomer(t *testing.T, name string) *served {
	m := member(t, name)
	m.identity.Cluster = protocol.ClusterID{}
	m.status = replica.Status{Name: name, Role: replica.RoleWaiting}
	return m
}

func wantCode(t *testing.T, err error, code codes.Code) {
	t.Helper()
	if status.Code(err) != code {
		t.Errorf("error %v, want code %s", err, code)
	}
}

func (f *fake) wantChanges(t *testing.T, want ...string) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.changes) != len(want) {
		t.Fatalf("changes %q, want %q", f.changes, want)
	}
	for i := range want {
		if f.changes[i] != want[i] {
			t.Errorf("changes %q, want %q", f.changes, want)
		}
	}
}
