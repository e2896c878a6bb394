package members

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"

	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol/outage"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Group is the group as one of its members sees it; *replica.Replica is one.
type Group interface {
	Identity() replica.Identity
	Status() replica.Status
	State() replica.State
	Add(replica.Member) error
	Promote(name string) error
	Remove(name string) error
	Transfer(name string) error
	NoteRemoved(yes bool)
	AwaitOther(context.Context) (replica.Member, error)
}

// Options configures a Service.
type Options struct {
	Group   Group        // needed
	Address string       // at which others reach this coordinator; "" if nobody does
	Logger  hclog.Logger // nil logs nothing
	// Identity proves who this coordinator is, and who the others are; nil for plaintext.
	Identity *identity.Identity
	// Dial makes connections to other members; nil is rpc.Dial with
	// rpc.Often and Identity.
	Dial func(address string) (*grpc.ClientConn, error)
	// Pause has this coordinator take up no new block, and waits a bounded time until
	// those under way are decided; resume ends that. Nil does nothing.
	Pause func(context.Context) (resume func())
	// ShortOfSpace says why the disk of this coordinator has too little space to take
	// up blocks; "" if it has enough. Nil is "".
	ShortOfSpace func() string
	// Ask bounds the wait for the answer of a member; 0 means 1 s.
	Ask time.Duration
	// TakeOver bounds the wait until another member leads; 0 means 5 s.
	TakeOver time.Duration
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.Dial == nil {
		o.Dial = func(address string) (*grpc.ClientConn, error) {
			return rpc.Dial(address, rpc.Often(), o.Identity.Expecting(identity.Coordinator, ""))
		}
	}
	if o.Pause == nil {
		o.Pause = func(context.Context) func() { return func() {} }
	}
	if o.ShortOfSpace == nil {
		o.ShortOfSpace = func() string { return "" }
	}
	if o.Ask == 0 {
		o.Ask = time.Second
	}
	if o.TakeOver == 0 {
		o.TakeOver = 5 * time.Second
	}
	return o
}

// Service implements wirepb.ClusterServiceServer. It is safe for concurrent use.
type Service struct {
	wirepb.UnimplementedClusterServiceServer
	options Options
	group   Group
	latest  atomic.Pointer[[]*wirepb.CoordinatorStatus] // found by Run; nil while this member does not lead

	changing sync.Mutex // held while the members change

	relieved   time.Time   // when Run last tried to hand over for want of space
	relieving  *outage.Log // about that
	leaderless *outage.Log // about whether anybody leads
	leader     string      // that Run knew of last

	mu    sync.Mutex
	conns map[string]*grpc.ClientConn // by address; nil once closed
	heard map[string]time.Time        // by name: when a member answered last
}

// New makes a service.
func New(o Options) *Service {
	o = o.withDefaults()
	return &Service{options: o, group: o.Group, relieving: outage.New(o.Logger, time.Now), leaderless: outage.New(o.Logger, time.Now), conns: map[string]*grpc.ClientConn{}, heard: map[string]time.Time{}}
}

// Register adds the service to a gRPC server.
func (s *Service) Register(r grpc.ServiceRegistrar) { wirepb.RegisterClusterServiceServer(r, s) }

// lookEvery is how often a leader asks the other members how they are.
const lookEvery = time.Second

// Run asks the other members how they are while this one leads, hands over to one
// that has space when this one has none, and asks whether it is
// still one of them while nobody does, until ctx ends.
func (s *Service) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		now := s.group.Status()
		s.tellLeader(now)
		if now.Role == replica.RoleLeader && len(now.Members) > 1 {
			found := s.survey(ctx, now)
			s.latest.Store(&found)
			s.relieve(ctx, now, found)
		} else {
			s.latest.Store(nil)
			s.lookForRemoval(ctx, now)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// tellLeader logs who leads, or that nobody is known to.
func (s *Service) tellLeader(now replica.Status) {
	if now.Leader.Name == "" {
		s.leaderless.Warn("knows of no coordinator that leads", "role", now.Role, "term", now.Term,
			"reason", cmp.Or(now.Reason, "see that a majority of the coordinators runs and can reach each other"))
		return
	}
	s.leaderless.Over("a coordinator leads again", "member", now.Leader.Name, "term", now.Term)
	if now.Leader.Name == s.leader {
		return
	}
	if s.leader = now.Leader.Name; now.Role != replica.RoleLeader {
		s.options.Logger.Info("follows the leader", "member", s.leader, "address", now.Leader.Address, "term", now.Term)
	}
}

// Latest gives the members as Run found them last, in order of their names;
// none while this member does not lead, or is alone.
func (s *Service) Latest() []*wirepb.CoordinatorStatus {
	if found := s.latest.Load(); found != nil {
		return *found
	}
	return nil
}

// Close ends the connections to other members.
func (s *Service) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all error
	for _, conn := range s.conns {
		all = errors.Join(all, conn.Close())
	}
	s.conns = nil
	return all
}

var errClosed = errors.New("this coordinator stops")

// connection gives the connection to an address, which is made at first use.
func (s *Service) connection(address string) (*grpc.ClientConn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil {
		return nil, errClosed
	}
	if conn, ok := s.conns[address]; ok {
		return conn, nil
	}
	conn, err := s.options.Dial(address)
	if err == nil {
		s.conns[address] = conn
	}
	return conn, err
}

// forget closes the connections to addresses at which no member is.
func (s *Service) forget(members []replica.Member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for address, conn := range s.conns {
		if !isAddressOf(members, address) {
			conn.Close() // fails only if it was closed
			delete(s.conns, address)
		}
	}
}

func isAddressOf(members []replica.Member, address string) bool {
	for _, m := range members {
		if m.Address == address {
			return true
		}
	}
	return false
}
