package coordinator

import (
	"time"

	"github.com/hashicorp/go-hclog"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"

	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/wal"
)

// Options configures a coordinator.
type Options struct {
	Directory string // data directory; made if it does not exist
	// Shards is the number of shards of the cluster, fixed when the directory
	// is made; 0 takes what the directory says.
	Shards int
	Limits protocol.Limits // of a new cluster
	Logger hclog.Logger    // nil logs nothing

	// Name tells this coordinator from the others; "" means replica.DefaultName.
	Name string
	// Address is where others reach this coordinator, as HOST:PORT; "" only if it
	// stays alone.
	Address string
	// Members are those that a new cluster begins with, the same on each of them;
	// none means this one alone.
	Members []replica.Member
	// Join makes a new coordinator wait until it is added to a cluster.
	Join   bool
	Timing replica.Timing
	// DiskPatience is how long a leader waits for a disk that hangs before it lets
	// another one lead, as in replica.Options.
	DiskPatience time.Duration
	// Stores opens what the replica keeps on disk; nil takes the stores of production.
	Stores func(replica.Options, *replica.History) (replica.Stores, error)
	// Dial makes connections to other members; nil is rpc.Dial. The options given to
	// it must come last.
	Dial func(address string, extra ...grpc.DialOption) (*grpc.ClientConn, error)

	// Identity proves who this coordinator is, and who the others are; nil for plaintext.
	Identity *identity.Identity
	// Insecure says, for status alone, that others than this machine can reach this
	// coordinator in plaintext.
	Insecure bool

	Protocol protocol.CoordinatorOptions
	// DefaultTimeout bounds the wait of a client that names no bound, and
	// MostTimeout that of one that does; 0 means 60 s and 1 h.
	DefaultTimeout, MostTimeout time.Duration
	Batch                       BatchOptions
	// MinFreeBytes is the free space of the data directory's file system below
	// which no more blocks are taken up; 0 means 128 MiB, negative means none.
	MinFreeBytes int64
	// FreeBytes tells the free space of a directory's file system; nil is
	// wal.FreeBytes.
	FreeBytes func(directory string) (int64, error)
	// LogForced is told how long each force of the log took; nil if nobody
	// wants to know. It must not block.
	LogForced func(time.Duration)
	// Observe gives what watches an incarnation, when one begins; nil for nobody.
	Observe func() Observer
	// Pulse is told when the loop that decides takes events up, and when it has
	// carried them out; nil if nobody wants to know.
	Pulse Pulse
	// ReadShards is added to the connections over which shards are read.
	ReadShards []grpc.DialOption
	// Tracer gets the spans of blocks, see package tracing; nil traces nothing.
	Tracer trace.Tracer
}

// Pulse is told by a loop that it goes on. Neither method blocks.
type Pulse interface {
	Begin()
	End()
}

// noPulse is for nobody.
type noPulse struct{}

func (noPulse) Begin() {}
func (noPulse) End()   {}

func (o Options) withDefaults() Options {
	if o.DefaultTimeout == 0 {
		o.DefaultTimeout = time.Minute
	}
	if o.MostTimeout == 0 {
		o.MostTimeout = time.Hour
	}
	if o.Name == "" {
		o.Name = replica.DefaultName
	}
	if o.MinFreeBytes == 0 {
		o.MinFreeBytes = 128 << 20
	}
	if o.FreeBytes == nil {
		o.FreeBytes = wal.FreeBytes
	}
	if o.Limits == (protocol.Limits{}) {
		o.Limits = protocol.DefaultLimits()
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.Pulse == nil {
		o.Pulse = noPulse{}
	}
	o.Batch = o.Batch.withDefaults()
	return o
}

// replica gives the part of the options that is about the group.
func (o Options) replica() replica.Options {
	return replica.Options{
		Directory: o.Directory, Name: o.Name, Address: o.Address, Members: o.Members, Join: o.Join, Timing: o.Timing,
		Logger: o.Logger, Dial: o.Dial, Proof: o.Identity, DiskPatience: o.DiskPatience, Stores: o.Stores,
	}
}
