package identity

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// protocol is what is spoken inside TLS. A client that speaks something else is
// refused, so that no request for one service can pass for one to another.
const protocol = "h2"

// Peer is what is known of whoever is at the other end of a connection.
type Peer struct {
	credentials.CommonAuthInfo
	Name Name // zero if Err is not nil
	// Err says why its certificate, which the authority has signed, makes it nobody of
	// this cluster; a *Refusal.
	Err error

	identity *Identity
	until    time.Time // when its certificate expires
}

// AuthType implements credentials.AuthInfo.
func (p *Peer) AuthType() string { return "lockstep" }

// peerOf reads who is at the other end of a connection.
func (i *Identity) peerOf(leaf *x509.Certificate) *Peer {
	p := &Peer{CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}, identity: i, until: leaf.NotAfter}
	name, err := i.belongs(leaf)
	if err != nil {
		p.Err = err
		return p
	}
	p.Name = name
	return p
}

// belongs reads the name of a peer, which must be of this cluster.
func (i *Identity) belongs(leaf *x509.Certificate) (Name, error) {
	name, err := NameIn(leaf)
	if err != nil {
		return name, refuse(BadName, "the certificate is of no use here: %v", err)
	}
	if own := i.Name(); name.Cluster != own.Cluster {
		return name, refuse(OtherCluster, "%s belongs to another cluster than %s: give the address and the certificate of one cluster", name, own)
	}
	return name, nil
}

// base is what all connections have in common.
func (i *Identity) base() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{protocol}, Time: i.now, SessionTicketsDisabled: true}
}

// serverConfig asks every client for a certificate from the authorities of this moment.
// VerifyConnection verifies it: the standard library by itself would go through chains of
// any length.
func (i *Identity) serverConfig() *tls.Config {
	m, c := i.current.Load(), i.base()
	c.Certificates, c.ClientCAs, c.ClientAuth = []tls.Certificate{m.certificate}, m.pool, tls.RequireAnyClientCert
	c.VerifyConnection = func(s tls.ConnectionState) error {
		return m.verify(s.PeerCertificates, x509.ExtKeyUsageClientAuth, i.now())
	}
	return c
}

// clientConfig verifies a server by its URI; host names say nothing.
func (i *Identity) clientConfig(expect Expect) *tls.Config {
	m, c := i.current.Load(), i.base()
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &m.certificate, nil }
	c.InsecureSkipVerify = true //nolint:G402 // of the host name: VerifyConnection verifies the rest
	c.VerifyConnection = func(s tls.ConnectionState) error { return i.verifyServer(m, s, expect) }
	return c
}

func (i *Identity) verifyServer(m *material, s tls.ConnectionState, expect Expect) error {
	if err := m.verify(s.PeerCertificates, x509.ExtKeyUsageServerAuth, i.now()); err != nil {
		return err
	}
	name, err := i.belongs(s.PeerCertificates[0])
	if err != nil {
		return err
	}
	if !expect.met(name) {
		return refuse(OtherPeer, "%s answers where %s is expected: correct the address", name, expect)
	}
	return nil
}

// Credentials secure the connections of a gRPC server; nil for a nil Identity.
func (i *Identity) Credentials() credentials.TransportCredentials {
	if i == nil {
		return nil
	}
	return &secure{identity: i}
}

// Expecting is the option with which a connection is dialled to whom it is meant for.
// It makes a plaintext one for a nil Identity.
func (i *Identity) Expecting(role Role, id string) grpc.DialOption {
	if i == nil {
		return grpc.WithTransportCredentials(newPlain())
	}
	return grpc.WithTransportCredentials(&secure{identity: i, expect: Expect{role, id}})
}

// secure implements credentials.TransportCredentials.
type secure struct {
	identity *Identity
	expect   Expect // of a client
}

// ClientHandshake implements credentials.TransportCredentials.
func (s *secure) ClientHandshake(ctx context.Context, _ string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	c := tls.Client(raw, s.identity.clientConfig(s.expect))
	if err := c.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, nil, explainHandshake(err)
	}
	state := c.ConnectionState()
	if state.NegotiatedProtocol != protocol {
		raw.Close()
		return nil, nil, errors.New("the server speaks TLS, but does not serve gRPC there: give its --listen address")
	}
	return s.identity.keep(c, raw, x509.ExtKeyUsageServerAuth), s.identity.peerOf(state.PeerCertificates[0]), nil
}

// ServerHandshake implements credentials.TransportCredentials. The connection has a
// deadline.
func (s *secure) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	i := s.identity
	c := tls.Server(raw, i.serverConfig())
	err := c.Handshake()
	state := c.ConnectionState()
	if err == nil && state.NegotiatedProtocol != protocol {
		err = fmt.Errorf("it does not ask for %s", protocol)
	}
	if err != nil {
		if r := handshakeRefusal(err); r != nil {
			i.refusals.add(r, raw.RemoteAddr().String(), "a connection")
		}
		answerPlaintext(raw, err)
		linger(raw)
		raw.Close()
		return nil, nil, err
	}
	return i.keep(c, raw, x509.ExtKeyUsageClientAuth), i.peerOf(state.PeerCertificates[0]), nil
}

// answerPlaintext tells a client that speaks no TLS, by an alert of TLS, which every
// client takes for what it is or at least for an error: there is no plaintext to be had.
func answerPlaintext(raw net.Conn, err error) {
	var header tls.RecordHeaderError
	if errors.As(err, &header) && header.Conn != nil {
		_, _ = raw.Write([]byte{alertRecord, 3, 3, 0, 2, 2, 70}) // fatal: protocol_version
	}
}

// linger reads what a client that is refused has sent already: to close a connection
// with unread bytes would take away the alert that tells why.
func linger(raw net.Conn) {
	if raw.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.CopyN(io.Discard, raw, lingerBytes)
	}
}

const (
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 64 << 10
)

// Info implements credentials.TransportCredentials.
func (s *secure) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}

// Clone implements credentials.TransportCredentials.
func (s *secure) Clone() credentials.TransportCredentials {
	clone := *s
	return &clone
}

// OverrideServerName implements credentials.TransportCredentials. Names of hosts say
// nothing here.
func (s *secure) OverrideServerName(string) error { return nil }

// What a person is told whose client and server do not go together. They reach the
// caller inside the error of gRPC.
const (
	speaksTLS  = "the server speaks TLS: give --tls"
	speaksNone = "the server speaks no TLS: leave --tls out, or start it with --tls"
)

// explainHandshake makes a sentence of why a server was not accepted.
func explainHandshake(err error) error {
	var header tls.RecordHeaderError
	var refusal *Refusal
	switch {
	case errors.As(err, &header):
		return mark(speaksNone)
	case errors.As(err, &refusal):
		return mark(refusal.Sentence)
	case errors.Is(err, io.EOF):
		return errors.New("the server ended the connection before it said who it is")
	}
	return explainAlert(err)
}
