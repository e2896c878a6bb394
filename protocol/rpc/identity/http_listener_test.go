package identity_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity/identitytest"
)

// serveHTTPS serves one page to everybody until the test ends, and gives its address.
func serveHTTPS(t *testing.T, i *identity.Identity, patience time.Duration) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) }), ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(i.HTTPListener(l, patience)) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// say sends words to an address and gives all that is answered.
func say(t *testing.T, address, words string) (string, error) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, words); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	return string(answer), err
}

// Whoever does not get through the handshake is refused as with gRPC: counted, told of
// in a line, and told what it can understand.
func TestHandshakesOverHTTPAreCounted(t *testing.T) {
	var told buffer
	c, now := identitytest.New(t), time.Now()
	server := identitytest.Open(t, c.Directory(identity.Coordinator, "c1"), identity.Options{Logger: log(&told), Now: func() time.Time { return now }})
	address := serveHTTPS(t, server, time.Minute)
	const alert = "\x15\x03\x03\x00\x02\x02\x46"
	for _, test := range []struct{ words, want string }{
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "begin the address with https://\n"},
		{"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "begin the address with https://\n"},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", alert},
		{"what is this?\r\n", alert},
	} {
		before := server.Refused()[identity.Plaintext]
		if got, err := say(t, address, test.words); err != nil || !strings.HasSuffix(got, test.want) || test.want == alert && got != alert {
			t.Errorf("%q is answered %q, %v", test.words, got, err)
		}
		if n := server.Refused()[identity.Plaintext] - before; n != 1 {
			t.Errorf("%q: %d refusals were counted", test.words, n)
		}
	}
	if _, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}); err == nil {
		t.Error("TLS 1.2 is spoken")
	}
	for end := time.Now().Add(20 * time.Second); server.Refused()[identity.Handshake] != 1; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("counted are %v", server.Refused())
		}
	}
	if lines := strings.Count(told.String(), "refused a peer"); lines != 2 { // the first of each reason
		t.Errorf("%d lines:\n%s", lines, told.String())
	}
	for version, protocols := range map[string][]string{"HTTP/1.1": nil, "HTTP/2.0": {"h2"}} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, NextProtos: protocols}, ForceAttemptHTTP2: protocols != nil, DisableKeepAlives: true}
		answer, err := (&http.Client{Transport: transport, Timeout: 20 * time.Second}).Get("https://" + address)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || string(body) != version {
			t.Errorf("answers with %q, want %s: %v", body, version, err)
		}
	}
}

// Who says nothing holds nobody up, is let go of, and is nobody that was refused.
func TestSilentHandshakes(t *testing.T) {
	c := identitytest.New(t)
	server := c.Open(identity.Coordinator, "c1")
	address := serveHTTPS(t, server, 3*time.Second)
	silent, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if code, _ := get(t, "https://"+address, &tls.Config{InsecureSkipVerify: true}); code != http.StatusOK {
		t.Errorf("beside somebody who says nothing: %d", code)
	}
	if err := silent.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(silent); err != nil || len(got) > 0 {
		t.Errorf("who says nothing gets %x, %v", got, err)
	}
	for reason, n := range server.Refused() {
		if n > 0 {
			t.Errorf("%s: %d", reason, n)
		}
	}
}

// A listener that is closed lets go of everybody at once, and of what comes later.
func TestCloseEndsHandshakes(t *testing.T) {
	c := identitytest.New(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := c.Open(identity.Coordinator, "c1").HTTPListener(l, time.Hour)
	silent, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	done, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true}) // and nobody accepts it
	if err != nil {
		t.Fatal(err)
	}
	defer done.Close()
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if _, err := h.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accepts after the end: %v", err)
	}
	for _, c := range []net.Conn{silent, done} {
		if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		var late net.Error
		if _, err := io.ReadAll(c); errors.As(err, &late) && late.Timeout() {
			t.Error("a connection goes on")
		}
	}
}

// failing is a listener that has no more files for a while.
type failing struct {
	net.Listener
	left int
}

var errFiles = errors.New("too many open files")

func (f *failing) Accept() (net.Conn, error) {
	if f.left > 0 {
		f.left--
		return nil, errFiles
	}
	return f.Listener.Accept()
}

// What a listener fails with is told to whoever accepts, who may go on.
func TestFaultsOfAListenerAreTold(t *testing.T) {
	c := identitytest.New(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := c.Open(identity.Coordinator, "c1").HTTPListener(&failing{l, 2}, time.Minute)
	defer h.Close()
	for range 2 {
		if _, err := h.Accept(); !errors.Is(err, errFiles) {
			t.Errorf("got %v", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var asking sync.WaitGroup
	defer asking.Wait()
	asking.Go(func() {
		dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
		if c, err := dialer.DialContext(ctx, "tcp", l.Addr().String()); err == nil {
			c.Close()
		}
	})
	accepted, err := h.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	if _, ok := accepted.(*tls.Conn); !ok {
		t.Errorf("accepted %T", accepted)
	}
}
