package identity_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity/identitytest"
)

// Only TLS 1.3 and HTTP/2 are spoken, and nothing is resumed.
func TestNothingOlderIsSpoken(t *testing.T) {
	c := identitytest.New(t)
	address := serveAll(t, c.Open(identity.Coordinator, "c1"))
	pair := keyPair(t, c.Between(identity.Client, "app", time.Now(), time.Now().Add(day)))
	for what, config := range map[string]*tls.Config{
		"TLS 1.2":      {MaxVersion: tls.VersionTLS12, NextProtos: []string{"h2"}},
		"no protocol":  {},
		"HTTP/1.1":     {NextProtos: []string{"http/1.1"}},
		"what is fine": {NextProtos: []string{"h2"}},
	} {
		cache := &tickets{}
		config.InsecureSkipVerify, config.Certificates, config.ClientSessionCache = true, []tls.Certificate{pair}, cache
		conn, err := tls.Dial("tcp", address, config)
		if err == nil {
			conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			_, err = io.ReadFull(conn, make([]byte, 9)) // the first frame of HTTP/2
			conn.Close()
		}
		if (err == nil) != (what == "what is fine") {
			t.Errorf("%s: %v", what, err)
		}
		if cache.put.Load() {
			t.Errorf("%s: a ticket was given", what)
		}
	}
}

type tickets struct{ put atomic.Bool }

func (c *tickets) Get(string) (*tls.ClientSessionState, bool) { return nil, false }
func (c *tickets) Put(_ string, s *tls.ClientSessionState) {
	if s != nil {
		c.put.Store(true)
	}
}

// Whoever speaks no TLS is told so by an alert, and does not hold the server up.
func TestPlaintextGetsAnAlert(t *testing.T) {
	c := identitytest.New(t)
	server := c.Open(identity.Coordinator, "c1")
	conn, err := net.Dial("tcp", serveAll(t, server))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); err != nil || !bytes.Equal(got, []byte{21, 3, 3, 0, 2, 2, 70}) {
		t.Errorf("got %x, %v", got, err)
	}
}
