package diagnose

import (
	"context"
	"net"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// Access says whom a daemon tells of itself.
type Access string

// Everybody has to be trusted with the state already, since there is no
// authentication; profiles cost processor time besides.
const (
	AccessNone  Access = "none"  // nobody
	AccessLocal Access = "local" // callers on the same machine
	AccessAny   Access = "any"   // whoever reaches the address
)

// Accesses are all of them.
func Accesses() []string { return []string{string(AccessLocal), string(AccessAny), string(AccessNone)} }

// admit turns away whom a daemon does not tell.
func (a Access) admit(ctx context.Context) error {
	if a == AccessAny || a == AccessLocal && isLocal(ctx) {
		return nil
	}
	if a == AccessLocal {
		return status.Error(codes.PermissionDenied, "this daemon tells of itself only to callers on its own machine, at a loopback address: ask there, or start it with --debug-access any")
	}
	return status.Error(codes.PermissionDenied, "this daemon tells nobody of itself: start it with --debug-access local or any")
}

// isLocal reports whether a call comes over the loopback interface.
func isLocal(ctx context.Context) bool {
	caller, ok := peer.FromContext(ctx)
	if !ok {
		return false
	}
	switch address := caller.Addr.(type) {
	case *net.TCPAddr:
		return address.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}
