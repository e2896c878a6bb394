package rpc

import (
	"sync"

	"google.golang.org/grpc"
	protobuf "google.golang.org/protobuf/proto"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

const (
	// mostKeys bounds the keys of one read.
	mostKeys = 4096
	// mostSmall bounds what holds neither keys, blocks nor parts of a log.
	mostSmall = 1 << 20
)

// KeyBounded is a service that knows how long the keys of its cluster may be, and with
// that how long a request to read may be.
type KeyBounded interface {
	// MostKeyBytes is the length of the longest key; 0 if it is not known yet. It is
	// called for each longer request to read, from many goroutines.
	MostKeyBytes() int
}

// keyBounds are the services of a server that are KeyBounded. It is safe for concurrent
// use.
type keyBounds struct {
	mu       sync.Mutex
	services []KeyBounded
}

func (k *keyBounds) add(s KeyBounded) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.services = append(k.services, s)
}

// mostRead bounds the request of a read: as many keys as there may be, of the longest.
// Where nobody knows how long that is, it is that of a cluster that nobody configured.
func (k *keyBounds) mostRead() int {
	k.mu.Lock()
	services := k.services
	k.mu.Unlock()
	longest := 0
	for _, s := range services {
		longest = max(longest, s.MostKeyBytes())
	}
	if longest == 0 {
		longest = protocol.DefaultLimits().KeyBytes
	}
	return min(mostKeys*longest+mostSmall, MaxMessageBytes)
}

// RegisterService implements grpc.ServiceRegistrar.
func (s *Server) RegisterService(description *grpc.ServiceDesc, service any) {
	if k, ok := service.(KeyBounded); ok {
		s.keys.add(k)
	}
	s.Server.RegisterService(description, service)
}

// most is what a server takes of one message.
type most struct {
	bytes int  // as it comes
	parts bool // whether it may hold more than few of them
}

// mostOf tells what is taken of a message, by what it is.
func (k *keyBounds) mostOf(m protobuf.Message) most {
	switch m.(type) {
	case *wirepb.SubmitBlockRequest, *wirepb.SubmitTransactionsRequest,
		*wirepb.Frame, *wirepb.ExchangeRequest, *wirepb.AppendEntriesRequest, *wirepb.InstallSnapshotRequest:
		return most{MaxMessageBytes, true}
	case *wirepb.GetRequest, *wirepb.ShardServiceGetRequest:
		return most{bytes: k.mostRead()}
	}
	return most{bytes: mostSmall}
}

// decoded bounds what a message of so many bytes may take in memory, by estimate.
func (m most) decoded(bytes int) int64 {
	if !m.parts {
		return fewParts
	}
	return min(mostDecoded, max(fewParts, mostTimes*int64(bytes)))
}
