package identity

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// HTTPListener gives the connections of a listener as *tls.Conn whose handshake is done,
// for an HTTP server; those of l as they are for a nil Identity. Handshakes go on side by
// side, each for as long as patience, and as many as l lets in. One that fails is a
// refusal, counted and logged as with gRPC, and never comes out of Accept. Close ends
// those that are under way.
func (i *Identity) HTTPListener(l net.Listener, patience time.Duration) net.Listener {
	if i == nil {
		return l
	}
	ctx, cancel := context.WithCancel(context.Background())
	h := &httpListener{Listener: l, identity: i, config: i.HTTPConfig(), patience: patience, accepted: make(chan accepted), closed: ctx.Done(), cancel: cancel}
	h.running.Go(func() { h.run(ctx) })
	return h
}

type httpListener struct {
	net.Listener
	identity *Identity
	config   *tls.Config
	patience time.Duration

	accepted chan accepted // to whoever calls Accept
	closed   <-chan struct{}
	cancel   context.CancelFunc // closes closed
	running  sync.WaitGroup
}

// accepted is what Accept gives.
type accepted struct {
	conn net.Conn
	err  error
}

// run accepts until the listener is closed.
func (l *httpListener) run(ctx context.Context) {
	for {
		raw, err := l.Listener.Accept()
		switch {
		case err == nil:
			l.running.Go(func() { l.secure(ctx, raw) })
		case !l.give(accepted{err: err}):
			return
		}
	}
}

// give hands something to Accept; false once the listener is closed.
func (l *httpListener) give(a accepted) bool {
	select {
	case l.accepted <- a:
		return true
	case <-l.closed:
		return false
	}
}

// secure has a connection speak TLS, and gives it to Accept, or ends it.
func (l *httpListener) secure(ctx context.Context, raw net.Conn) {
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	c := tls.Server(raw, l.config)
	if err := l.handshake(c); err != nil {
		l.refuse(raw, err)
		raw.Close()
		return
	}
	if !stop() || !l.give(accepted{conn: c}) {
		raw.Close()
	}
}

func (l *httpListener) handshake(c *tls.Conn) error {
	if err := c.SetDeadline(time.Now().Add(l.patience)); err != nil {
		return err
	}
	if err := c.Handshake(); err != nil {
		return err
	}
	return c.SetDeadline(time.Time{})
}

// refuse notes why a handshake failed, and tells a client that speaks no TLS.
func (l *httpListener) refuse(raw net.Conn, err error) {
	r := handshakeRefusal(err)
	if r == nil {
		return
	}
	l.identity.refusals.add(r, raw.RemoteAddr().String(), "a connection")
	if asksInPlaintext(err) {
		_, _ = io.WriteString(raw, "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"+speaksHTTPS+"\n")
	} else {
		answerPlaintext(raw, err)
	}
	linger(raw)
}

const speaksHTTPS = "this port speaks HTTPS alone: begin the address with https://"

// asksInPlaintext reports whether a handshake failed over a request of HTTP/1. A browser
// makes nothing of an alert; a sentence tells the person before it what to do.
func asksInPlaintext(err error) bool {
	var header tls.RecordHeaderError
	if !errors.As(err, &header) || header.Conn == nil {
		return false
	}
	for _, method := range []string{"GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "DELET", "PATCH"} {
		if bytes.Equal(header.RecordHeader[:], []byte(method)) {
			return true
		}
	}
	return false
}

// Accept implements net.Listener.
func (l *httpListener) Accept() (net.Conn, error) {
	select {
	case a := <-l.accepted:
		return a.conn, a.err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. It waits for the handshakes that it ends.
func (l *httpListener) Close() error {
	l.cancel()
	err := l.Listener.Close()
	l.running.Wait()
	return err
}
