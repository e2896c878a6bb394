package rpc

import (
	"time"

	"google.golang.org/grpc"
	grpcbackoff "google.golang.org/grpc/backoff"
	"google.golang.org/grpc/keepalive"

	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
)

// Dial gives a connection to HOST:PORT with the limits of this package. It
// does not wait: the connection is made, and made again, as calls need it. An
// error means that the address or an option is unusable.
//
// Extra options come last and win; that of Identity.Expecting among them secures
// the connection, which is plaintext without.
func Dial(address string, extra ...grpc.DialOption) (*grpc.ClientConn, error) {
	options := []grpc.DialOption{
		(*identity.Identity)(nil).Expecting("", ""),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MaxMessageBytes), grpc.MaxCallSendMsgSize(MaxMessageBytes),
			grpc.ForceCodecV2(clientCodec{newCodec()})),
		//lint:ignore SA1019 gRPC has no other way to keep a client from unpacking answers
		grpc.WithDecompressor(packed{}),
		grpc.WithMaxHeaderListSize(maxHeaderBytes),
		grpc.WithInitialWindowSize(streamWindow),
		grpc.WithInitialConnWindowSize(connectionWindow),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: clientPingEvery, Timeout: pingTimeout, PermitWithoutStream: true}),
		connectAgain(5 * time.Second),
		grpc.WithNoProxy(), // cluster traffic is no web traffic
		grpc.WithDisableServiceConfig(),
	}
	// The passthrough resolver leaves names to the dialler, which looks them
	// up anew for every connection; the default one remembers for 30 seconds.
	return grpc.NewClient("passthrough:///"+address, append(options, extra...)...)
}

// Securely is a list of the option that secures a connection, empty if that is nil.
func Securely(secure grpc.DialOption) []grpc.DialOption {
	if secure == nil {
		return nil
	}
	return []grpc.DialOption{secure}
}

// Often makes a connection that was refused anew within half a second of being
// needed, for whoever has a few addresses to try and must find at once the one that
// has come back. (ClientConn.ResetConnectBackoff is not safe beside a connection
// that is being made, as of grpc-go 1.85.)
func Often() grpc.DialOption { return connectAgain(500 * time.Millisecond) }

// connectAgain sets how long a connection is not made again after failing.
func connectAgain(most time.Duration) grpc.DialOption {
	return grpc.WithConnectParams(grpc.ConnectParams{
		Backoff:           grpcbackoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.5, MaxDelay: most},
		MinConnectTimeout: connectTimeout,
	})
}
