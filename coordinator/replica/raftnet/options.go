package raftnet

import (
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"google.golang.org/grpc"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
)

// Identity says who a coordinator is.
type Identity struct {
	// Cluster is the zero id while it is not known, and then fits every other.
	Cluster protocol.ClusterID
	// Name is the raft.ServerID, 1 to 128 bytes.
	Name raft.ServerID
	// Directory is drawn when the data directory is made; never zero.
	Directory protocol.DirectoryID
}

// Options configures a Transport. The functions are called from many goroutines
// and must neither wait for raft nor for the Transport.
type Options struct {
	// Address is the HOST:PORT at which the other coordinators reach this one.
	Address raft.ServerAddress
	// Identity says who this coordinator is. Needed.
	Identity func() Identity
	// Expect gives the data directory that is recorded for a name; nil knows none.
	Expect func(raft.ServerID) (directory protocol.DirectoryID, known bool)
	// Met is told which data directory a peer has that Expect did not know, after
	// everything else about the call was found to be right, and every time.
	Met func(raft.ServerID, protocol.DirectoryID)

	// Fresh reports whether the log of this coordinator holds nothing but the list of
	// members that it was started with, if that; nil never does.
	Fresh func() bool

	// Timeout bounds calls, and how long a stream may be silent; default 2 s.
	Timeout time.Duration
	// Stall bounds the wait for the rest of a request that has begun to come in;
	// default 10 s.
	Stall time.Duration
	// InFlight bounds the requests of a pipeline that are not answered; default 2:
	// one on the disk of the follower, one on the way. With more, each has fewer
	// entries, and the follower syncs more often.
	InFlight int
	// FrameBytes bounds a frame, sent or received; default 4 MiB.
	FrameBytes int
	// BatchBytes is how many bytes of entries are sent as one request, unless a
	// single entry has more; default 16 MiB.
	BatchBytes int
	// MaxRequestBytes bounds the entries of one request, sent or received; default
	// 128 MiB. All requests that come in together may occupy twice as much.
	MaxRequestBytes int

	// Dial makes connections; nil is rpc.Dial. The options given to it must come
	// last.
	Dial func(address string, extra ...grpc.DialOption) (*grpc.ClientConn, error)
	// Proof shows who this coordinator is, and who the others are; nil for plaintext.
	Proof  *identity.Identity
	Logger hclog.Logger // nil logs nothing
}

// entryOverhead is what an entry counts beside its data and extensions. It is
// more than the encoding of all other fields takes.
const entryOverhead = 64

// maxExtensions bounds the extensions of an entry, which are never cut.
const maxExtensions = 64 << 10

// leastFrame leaves room for an entry with extensions and some data.
const leastFrame = 2 * maxExtensions

func (o Options) withDefaults() Options {
	setDefault(&o.Timeout, 2*time.Second)
	setDefault(&o.Stall, 10*time.Second)
	setDefault(&o.InFlight, 2)
	setDefault(&o.FrameBytes, 4<<20)
	setDefault(&o.BatchBytes, 16<<20)
	setDefault(&o.MaxRequestBytes, 128<<20)
	if o.Expect == nil {
		o.Expect = func(raft.ServerID) (protocol.DirectoryID, bool) { return protocol.DirectoryID{}, false }
	}
	if o.Met == nil {
		o.Met = func(raft.ServerID, protocol.DirectoryID) {}
	}
	if o.Fresh == nil {
		o.Fresh = func() bool { return false }
	}
	if o.Dial == nil {
		o.Dial = rpc.Dial
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	return o
}

func (o Options) validate() error {
	switch {
	case o.Identity == nil:
		return errors.New("no identity: set Options.Identity")
	case o.Address == "":
		return errors.New("no address for the other coordinators: set Options.Address")
	case o.Timeout < 4*time.Millisecond || o.Stall <= 0:
		return fmt.Errorf("timeout %v or stall %v is too short", o.Timeout, o.Stall)
	case o.InFlight < 1:
		return fmt.Errorf("%d requests in flight, want at least 1", o.InFlight)
	case o.FrameBytes < leastFrame || o.FrameBytes > rpc.MaxMessageBytes:
		return fmt.Errorf("frames of %d bytes, want %d to %d", o.FrameBytes, leastFrame, rpc.MaxMessageBytes)
	case o.BatchBytes < 1 || o.BatchBytes > o.MaxRequestBytes:
		return fmt.Errorf("batches of %d bytes, want 1 to %d, the most that a request may have", o.BatchBytes, o.MaxRequestBytes)
	}
	return nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
