package replica

import (
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"google.golang.org/grpc"

	"github.com/lockstep-exec/lockstep/coordinator/replica/raftsnap"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
)

// Member is a coordinator as its operator names it.
type Member struct {
	Name    string // unique and never used again, such as "c1"
	Address string // host:port at which clients, shards and members reach it
}

// DefaultName is the name of a coordinator that was given none.
const DefaultName = "c1"

// Options configures a replica.
type Options struct {
	Directory string // data directory; made if it does not exist
	Name      string // of this member; "" means DefaultName
	Address   string // at which others reach this member; "" only if it stays alone
	// Members are those that a new cluster begins with, the same on each of them;
	// none means this one alone. They count only in an empty data directory.
	Members []Member
	// Join makes an empty data directory wait until a leader adds this member.
	Join   bool
	Logger hclog.Logger
	Timing Timing
	// SnapshotBytes is how many bytes of entries are applied between snapshots, and
	// TrailingBytes how many stay in the log for slow members; 0 means 32 MiB and
	// 64 MiB.
	SnapshotBytes, TrailingBytes int64
	// Forced is told how long each force of the log took; nil if nobody wants to
	// know. It must not block.
	Forced func(time.Duration)
	// DiskPatience is how long a leader of several waits for its disk to finish a write,
	// and a second more for each 16 MiB of it, before it gives up so that another one
	// can lead; 0 means 5 s.
	DiskPatience time.Duration
	// Dial makes connections to other members; nil is rpc.Dial. The options given to
	// it must come last.
	Dial func(address string, extra ...grpc.DialOption) (*grpc.ClientConn, error)
	// Proof shows who this member is, and who the others are; nil for plaintext.
	Proof *identity.Identity
	// Stores opens what raft keeps in the data directory, and Connect makes the
	// transport; nil takes those of production.
	Stores  func(o Options, h *History) (Stores, error)
	Connect func(Peering) (Transport, error)
}

// Timing bounds how long members go without a word from each other.
type Timing struct {
	Heartbeat time.Duration // without one a member stands for election; 0 means 600 ms
	Election  time.Duration // an election may take; 0 means as long as Heartbeat
	Lease     time.Duration // a leader without a majority gives up; 0 means two thirds of Heartbeat
}

func (t Timing) withDefaults() Timing {
	if t.Heartbeat == 0 {
		t.Heartbeat = 600 * time.Millisecond
	}
	if t.Election == 0 {
		t.Election = t.Heartbeat
	}
	if t.Lease == 0 {
		t.Lease = t.Heartbeat * 2 / 3
	}
	return t
}

// Stores are what raft keeps on disk.
type Stores struct {
	Log       raft.LogStore
	Stable    raft.StableStore
	Snapshots raft.SnapshotStore
	// Newest reads the newest snapshot without the history that may follow; nil if
	// there is none.
	Newest func() (*raftsnap.Snapshot, error)
	// One of Failed is closed when a store cannot be used any more; Err says why.
	Failed []<-chan struct{}
	Err    func() error
	// Owned fails when the data directory is not the one that was opened any more;
	// nil never does.
	Owned  func() error
	Fsyncs func() int64
	Bytes  func() int64 // of the log on disk
	// Trailing tells how many of the newest entries have at most so many bytes;
	// nil keeps raft's default.
	Trailing func(bytes int64) uint64
	Close    func() error
}

// Transport carries the messages of raft.
type Transport interface {
	raft.Transport
	Close() error
}

// injector is a transport that takes commands for the member itself.
type injector interface {
	Inject(command any) error
}

// Peering is what a transport has to know of this member, and to tell it.
type Peering struct {
	Address string
	// Self says who this member is; the cluster is zero until it is known.
	Self func() Identity
	// Expect gives the data directory that a name is bound to.
	Expect func(name string) (protocol.DirectoryID, bool)
	// Met tells of the directory of a member that is bound to none yet.
	Met func(name string, directory protocol.DirectoryID)
	// Fresh reports whether the log holds nothing but the list of members that this
	// member was started with.
	Fresh  func() bool
	Dial   func(address string, extra ...grpc.DialOption) (*grpc.ClientConn, error) // as Options.Dial
	Proof  *identity.Identity                                                       // as Options.Proof
	Timing Timing
	Logger hclog.Logger
}

// Identity is who a member is.
type Identity struct {
	Cluster   protocol.ClusterID
	Name      string
	Directory protocol.DirectoryID
}

func (o Options) withDefaults() Options {
	if o.Name == "" {
		o.Name = DefaultName
	}
	if o.Logger == nil {
		o.Logger = hclog.New(&hclog.LoggerOptions{Output: io.Discard})
	}
	if len(o.Members) == 0 && !o.Join {
		o.Members = []Member{{o.Name, o.Address}}
	}
	if o.SnapshotBytes == 0 {
		o.SnapshotBytes = 32 << 20
	}
	if o.TrailingBytes == 0 {
		o.TrailingBytes = 64 << 20
	}
	if o.DiskPatience == 0 {
		o.DiskPatience = 5 * time.Second
	}
	o.Timing = o.Timing.withDefaults()
	if o.Stores == nil {
		o.Stores = openStores
	}
	if o.Connect == nil {
		o.Connect = connect
	}
	return o
}

func (o Options) validate() error {
	if len(o.Name) > maxNameBytes {
		return fmt.Errorf("the name of a coordinator has at most %d bytes, not %d: give a shorter --name", maxNameBytes, len(o.Name))
	}
	if o.Join && len(o.Members) > 0 {
		return fmt.Errorf("a coordinator that joins a cluster names no members: leave --peers out")
	}
	self := o.Join
	seen := map[string]bool{}
	for _, m := range o.Members {
		switch {
		case m.Name == "" || seen[m.Name]:
			return fmt.Errorf("member %q is named twice, or has no name: give each coordinator one of its own", m.Name)
		case len(o.Members) > 1 && m.Address == "":
			return fmt.Errorf("member %q has no address: give one for each coordinator", m.Name)
		case m.Name == o.Name && m.Address != o.Address:
			return fmt.Errorf("this coordinator is %s at %s, but the list of members has it at %s: make them the same", o.Name, o.Address, m.Address)
		}
		seen[m.Name] = true
		self = self || m.Name == o.Name
	}
	if !self {
		return fmt.Errorf("%s is not among the members that it is given: add it, or give another --name", o.Name)
	}
	return nil
}
