package identity

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"sync"
	"time"
)

// HTTPConfig is how an HTTP server speaks TLS; nil for a nil Identity. It asks clients
// for a certificate, but lets Pages judge it, so that a browser gets a sentence.
func (i *Identity) HTTPConfig() *tls.Config {
	if i == nil {
		return nil
	}
	c := i.base()
	c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		c := i.base()
		c.NextProtos = []string{protocol, "http/1.1"}
		c.ClientAuth = tls.RequestClientCert
		c.Certificates = []tls.Certificate{i.current.Load().certificate}
		return c, nil
	}
	return c
}

// HTTPClientConfig is how an HTTP client of a cluster speaks TLS, with the server that
// it means; nil for a nil Identity.
func (i *Identity) HTTPClientConfig(role Role, id string) *tls.Config {
	if i == nil {
		return nil
	}
	c := i.clientConfig(Expect{role, id})
	c.NextProtos = nil
	return c
}

// Pages lets only those see the pages of a handler that may. With openProbes /livez and
// /readyz are for everybody, since the probes of some supervisors have no certificate.
func (i *Identity) Pages(pages http.Handler, openProbes bool) http.Handler {
	if i == nil {
		return pages
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if openProbes && isProbe(r.URL.Path) {
			pages.ServeHTTP(w, r)
			return
		}
		name, refusal := i.maySee(r)
		if refusal != nil {
			i.refusals.add(refusal, r.RemoteAddr, "a page")
			code := http.StatusUnauthorized
			if refusal.Reason == OtherRole {
				code = http.StatusForbidden
			}
			http.Error(w, refusal.Sentence, code)
			return
		}
		// Some pages go on for as long as somebody looks.
		ctx, cancel := context.WithCancel(context.WithValue(r.Context(), askerKey{}, name))
		defer cancel()
		defer i.hold(&held{chain: r.TLS.PeerCertificates, usage: x509.ExtKeyUsageClientAuth, end: cancel})()
		pages.ServeHTTP(w, r.WithContext(ctx))
	})
}

// askerKey is that of the Name, in the context of a request, who has proven to make it.
type askerKey struct{}

// NameOfAsker is the name that whoever asks for a page has proven, within Pages; "" if
// it has proven none.
func NameOfAsker(r *http.Request) string {
	if name, ok := r.Context().Value(askerKey{}).(Name); ok {
		return name.String()
	}
	return ""
}

// maySee tells who makes a request, and says why it is refused; nil if it is not.
func (i *Identity) maySee(r *http.Request) (Name, *Refusal) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return Name{}, refuse(NoCertificate, "this page is for those with a certificate of the cluster, and none was shown")
	}
	looked, _ := r.Context().Value(lookedKey{}).(*looked)
	name, refusal := looked.at(i, r.TLS.PeerCertificates)
	switch {
	case refusal != nil:
		return name, refusal
	case !mayOpen(r.URL.Path, name.Role):
		return name, refuse(OtherRole, "%s may not see this page: it is for %s", name, list(people))
	}
	return name, nil
}

// ConnContext is that of the HTTP server whose pages are those of an Identity: with it, a
// peer is verified once for a connection and not for every page.
func ConnContext(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, lookedKey{}, new(looked))
}

type lookedKey struct{}

// looked is what was found of the peer of one connection.
type looked struct {
	mu      sync.Mutex
	under   *material // nil if nothing was found yet
	until   time.Time
	name    Name
	refusal *Refusal
}

// lookAgain is how long the peer of a connection stays what it was found to be.
const lookAgain = time.Second

// at gives who a peer is, or why that does not count. A nil looked looks every time.
func (l *looked) at(i *Identity, chain []*x509.Certificate) (Name, *Refusal) {
	if l == nil {
		return i.whoIs(i.current.Load(), chain)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	m, now := i.current.Load(), i.now()
	if l.under != m || !now.Before(l.until) {
		l.under, l.until = m, now.Add(lookAgain)
		l.name, l.refusal = i.whoIs(m, chain)
	}
	return l.name, l.refusal
}

func (i *Identity) whoIs(m *material, chain []*x509.Certificate) (Name, *Refusal) {
	if err := m.verify(chain, x509.ExtKeyUsageClientAuth, i.now()); err != nil {
		return Name{}, asRefusal(err)
	}
	name, err := i.belongs(chain[0])
	if err != nil {
		return name, asRefusal(err)
	}
	return name, nil
}
