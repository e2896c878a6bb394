package rpc

import (
	"context"
	"net"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/stats"

	"github.com/lockstep-exec/lockstep/protocol/outage"
	"github.com/lockstep-exec/lockstep/protocol/rpc/guard"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
)

// ServerOptions configures a Server. The zero value is usable.
type ServerOptions struct {
	Logger hclog.Logger // nil logs nothing
	// Identity secures connections, and says who may call what; nil means plaintext,
	// for loopback and networks that are trusted.
	Identity *identity.Identity
	// MaxMessageBytes bounds a message that comes in; 0 means MaxMessageBytes
	// of this package.
	MaxMessageBytes int
	// Stats is told of every call; nil if nobody wants to know.
	Stats stats.Handler
	// Limits bounds what peers can take; the zero value takes its defaults.
	Limits guard.Limits
	// Refusals counts who goes beyond them; nil makes one that only logs.
	Refusals *guard.Refusals
}

// Server is a gRPC server with health service and reflection. Register
// services on it before Serve.
type Server struct {
	*grpc.Server
	// Health tells which services are fit to serve. A new server is SERVING.
	Health *health.Server

	watchers *watchers
	guard    *guard.Guard
	keys     *keyBounds
	logger   hclog.Logger
}

// NewServer makes a server with the limits of this package, in which a panic
// of a handler ends that call only.
func NewServer(o ServerOptions) *Server {
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.MaxMessageBytes == 0 {
		o.MaxMessageBytes = MaxMessageBytes
	}
	if o.Refusals == nil {
		o.Refusals = guard.NewRefusals(o.Logger)
	}
	g := guard.New(o.Limits, o.Refusals)
	keys := &keyBounds{}
	s := &Server{Server: grpc.NewServer(serverOptions(o, g, keys)...), Health: health.NewServer(), guard: g, keys: keys, logger: o.Logger}
	s.watchers = newWatchers(s.Health)
	grpc_health_v1.RegisterHealthServer(s.Server, s.watchers)
	reflection.Register(s.Server)
	return s
}

func serverOptions(o ServerOptions, g *guard.Guard, keys *keyBounds) []grpc.ServerOption {
	panics := outage.NewGroup(o.Logger, time.Now)
	options := []grpc.ServerOption{
		grpc.Creds(g.Secure(o.Identity.Credentials(), identity.NameOf)),
		grpc.InTapHandle(g.Calls(o.Identity.Gate())),
		grpc.ForceServerCodecV2(newServerCodec(keys)),
		//lint:ignore SA1019 gRPC has no other way to keep a server from unpacking messages
		grpc.RPCDecompressor(g.Unpacked()),
		grpc.MaxRecvMsgSize(o.MaxMessageBytes),
		grpc.MaxSendMsgSize(MaxMessageBytes),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxHeaderListSize(maxHeaderBytes),
		grpc.ConnectionTimeout(connectTimeout),
		grpc.InitialWindowSize(streamWindow),
		grpc.InitialConnWindowSize(connectionWindow),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: pingEvery, Timeout: pingTimeout, MaxConnectionIdle: idleTimeout}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingsAllowed, PermitWithoutStream: true}),
		grpc.ChainUnaryInterceptor(g.Unary, shortenUnary, recoverUnary(panics)),
		grpc.ChainStreamInterceptor(g.Stream, g.Paced, shortenStream, recoverStream(panics)),
		grpc.WaitForHandlers(true),
		grpc.StatsHandler(g.Slots()),
	}
	if o.Stats != nil {
		options = append(options, grpc.StatsHandler(o.Stats))
	}
	return options
}

// Serve accepts connections until the server is stopped, which gives nil. It
// closes the listener.
func (s *Server) Serve(l net.Listener) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go s.guard.Sweep(ctx)
	return s.Server.Serve(s.guard.Listener(&loggedListener{Listener: l, trouble: outage.New(s.logger, time.Now)}))
}

// Shutdown takes no more calls, and waits for those that run until ctx is
// done; then it cuts them off. Streams without end, like sessions, should be
// closed first.
func (s *Server) Shutdown(ctx context.Context) {
	s.watchers.farewell()
	stop := context.AfterFunc(ctx, s.Server.Stop)
	defer stop()
	s.Server.GracefulStop()
}
