package identity_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

const day = 24 * time.Hour

// idOf is a usual name for somebody of a role.
func idOf(role identity.Role) string {
	if role == identity.Shard {
		return "0"
	}
	return "x1"
}

// serveAll serves every service there is, none of which does anything, and gives its
// address.
func serveAll(t *testing.T, i *identity.Identity) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := rpc.NewServer(rpc.ServerOptions{Identity: i})
	wirepb.RegisterSessionServiceServer(server, wirepb.UnimplementedSessionServiceServer{})
	wirepb.RegisterExchangeServiceServer(server, wirepb.UnimplementedExchangeServiceServer{})
	wirepb.RegisterReplicationServiceServer(server, wirepb.UnimplementedReplicationServiceServer{})
	wirepb.RegisterCoordinatorServiceServer(server, wirepb.UnimplementedCoordinatorServiceServer{})
	wirepb.RegisterClusterServiceServer(server, wirepb.UnimplementedClusterServiceServer{})
	wirepb.RegisterOperatorServiceServer(server, wirepb.UnimplementedOperatorServiceServer{})
	wirepb.RegisterDebugServiceServer(server, wirepb.UnimplementedDebugServiceServer{})
	wirepb.RegisterShardServiceServer(server, wirepb.UnimplementedShardServiceServer{})
	var serving sync.WaitGroup
	serving.Go(func() { server.Serve(l) })
	t.Cleanup(func() {
		server.Stop()
		serving.Wait()
	})
	return l.Addr().String()
}

func dial(t *testing.T, address string, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	c, err := rpc.Dial(address, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// call makes a call with an empty message, whatever kind it is, and gives its error; nil
// if something was answered.
func call(t *testing.T, c *grpc.ClientConn, method string) error {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	stream, err := c.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(&emptypb.Empty{}); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	err = stream.RecvMsg(&emptypb.Empty{})
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// keyPair is an identity for a client that does as it likes.
func keyPair(t *testing.T, i identity.Issued) tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(i.Certificate, i.Key)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// unbound issues a certificate in a way that no authority of this package does: by
// itself, or by one that may vouch for everything.
type unbound struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newUnbound(t *testing.T) *unbound {
	t.Helper()
	u := &unbound{certificate: &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-day), NotAfter: time.Now().Add(day),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, key: newKey(t)}
	der, err := x509.CreateCertificate(rand.Reader, u.certificate, u.certificate, &u.key.PublicKey, u.key)
	if err != nil {
		t.Fatal(err)
	}
	if u.certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return u
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign makes a certificate with the URIs; signed by itself if u is nil.
func (u *unbound) sign(t *testing.T, uris ...string) identity.Issued {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-day), NotAfter: time.Now().Add(day),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	for _, text := range uris {
		uri, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		template.URIs = append(template.URIs, uri)
	}
	parent, signer := template, key
	if u != nil {
		parent, signer = u.certificate, u.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return identity.Issued{
		Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	}
}

func (u *unbound) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: u.certificate.Raw})
}

// log gives a logger, and what it wrote.
func log(into io.Writer) hclog.Logger { return hclog.New(&hclog.LoggerOptions{Output: into}) }

func sentence(err error) string { return status.Convert(err).Message() }
