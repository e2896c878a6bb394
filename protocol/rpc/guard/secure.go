package guard

import (
	"net"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// Secure gives the credentials of a gRPC server that serves a Listener of this guard:
// those inside, or plaintext for nil, on connections that are metered. name says who has
// proven what; "" for nobody.
func (g *Guard) Secure(inside credentials.TransportCredentials, name func(credentials.AuthInfo) string) credentials.TransportCredentials {
	if inside == nil {
		inside = insecure.NewCredentials()
	}
	return &secured{inside, g, name}
}

type secured struct {
	credentials.TransportCredentials
	guard *Guard
	name  func(credentials.AuthInfo) string
}

// ServerHandshake implements credentials.TransportCredentials.
func (s *secured) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	inside, info, err := s.TransportCredentials.ServerHandshake(raw)
	c, ok := raw.(*conn)
	if err != nil || !ok {
		return inside, info, err
	}
	if name := s.name(info); name == "" {
		return newMeter(inside, c), info, nil
	} else if reason := s.guard.belongs(c, name); reason != "" {
		c.cut(reason, s.guard.sentence(reason))
		inside.Close() // what is below it is closed; it gives back what it holds itself
		return nil, nil, errCut
	}
	return newMeter(inside, c), info, nil
}

// Clone implements credentials.TransportCredentials.
func (s *secured) Clone() credentials.TransportCredentials {
	return &secured{s.TransportCredentials.Clone(), s.guard, s.name}
}
