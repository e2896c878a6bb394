package identity

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/outage"
)

// Reason is why somebody was refused.
type Reason string

// All reasons.
const (
	Plaintext     Reason = "plaintext"         // it speaks no TLS
	NoCertificate Reason = "no_certificate"    // it shows none
	UnknownCA     Reason = "unknown_authority" // nobody vouches for it, or another authority does
	Expired       Reason = "expired"
	NotYetValid   Reason = "not_yet_valid"
	BadName       Reason = "bad_name"  // of no use as an identity
	OtherCluster  Reason = "cluster"   // another one's
	OtherRole     Reason = "role"      // one that may not do this
	OtherPeer     Reason = "peer"      // it is not whom it was taken for, or says it is
	UnknownMethod Reason = "method"    // nobody may call it
	Handshake     Reason = "handshake" // whatever else is wrong with a handshake
)

// Reasons lists them.
func Reasons() []Reason {
	return []Reason{Plaintext, NoCertificate, UnknownCA, Expired, NotYetValid, BadName, OtherCluster, OtherRole, OtherPeer, UnknownMethod, Handshake}
}

// Refusal is the error about a peer that has not proven what it must, or may not do
// what it wants.
type Refusal struct {
	Reason   Reason
	Sentence string
}

func (r *Refusal) Error() string { return r.Sentence }

// GRPCStatus makes it the error of a call: Unauthenticated if it is not known who
// calls, PermissionDenied if it is, but may not.
func (r *Refusal) GRPCStatus() *status.Status {
	switch r.Reason {
	case OtherRole, OtherPeer, UnknownMethod:
		return status.New(codes.PermissionDenied, r.Sentence)
	}
	return status.New(codes.Unauthenticated, r.Sentence)
}

func refuse(reason Reason, format string, args ...any) *Refusal {
	return &Refusal{Reason: reason, Sentence: fmt.Sprintf(format, args...)}
}

// asRefusal finds the refusal in an error of this package.
func asRefusal(err error) *Refusal {
	var r *Refusal
	if !errors.As(err, &r) {
		r = refuse(Handshake, "%v", err)
	}
	return r
}

// badCertificate says why a certificate was not accepted.
func badCertificate(c *x509.Certificate, err error, now time.Time) *Refusal {
	who := describe(c)
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &unknown):
		return refuse(UnknownCA, "the certificate of %s comes from an authority that is not in %s: have both sides take theirs from one authority", who, AuthorityFile)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && now.Before(c.NotBefore):
		return refuse(NotYetValid, "the certificate of %s is not valid before %s: see that the clocks agree", who, c.NotBefore.Format(time.RFC3339))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && now.After(c.NotAfter):
		return refuse(Expired, "the certificate of %s expired at %s: issue a new one", who, c.NotAfter.Format(time.RFC3339))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return refuse(Expired, "the authority of the certificate of %s is not valid now: issue both anew", who)
	}
	return refuse(Handshake, "the certificate of %s is not good for this: %v", who, err)
}

// describe names whom a certificate claims to be of.
func describe(c *x509.Certificate) string {
	if n, err := NameIn(c); err == nil {
		return n.String()
	}
	return "somebody without an identity"
}

// handshakeRefusal says why a peer did not get through the handshake with a server;
// nil if it only went away.
func handshakeRefusal(err error) *Refusal {
	var header tls.RecordHeaderError
	var refusal *Refusal
	var network net.Error
	switch {
	case errors.As(err, &header):
		return refuse(Plaintext, "it does not speak TLS")
	case errors.As(err, &refusal):
		return refusal
	case errors.Is(err, io.EOF), errors.As(err, &network):
		return nil
	}
	if strings.Contains(err.Error(), "didn't provide a certificate") { // crypto/tls has no error of its own for it
		return refuse(NoCertificate, "it shows no certificate")
	}
	return refuse(Handshake, "the handshake failed: %v", err)
}

// refusals counts who was refused, and logs it sparingly, each reason as a trouble of
// its own: whoever is refused comes again, and anybody who reaches the port can be.
type refusals struct {
	troubles *outage.Group

	mu    sync.Mutex
	count map[Reason]uint64
}

func newRefusals(logger hclog.Logger, now func() time.Time) *refusals {
	r := &refusals{troubles: outage.NewGroup(logger, now), count: map[Reason]uint64{}}
	for _, reason := range Reasons() {
		r.count[reason] = 0
	}
	return r
}

func (rs *refusals) add(r *Refusal, from, what string) {
	rs.troubles.Of(string(r.Reason)).Warn("refused a peer", "from", from, "wanted", what, "refusal", r.Reason, "reason", r.Sentence)
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.count[r.Reason]++
}

func (rs *refusals) counts() map[Reason]uint64 {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	counts := make(map[Reason]uint64, len(rs.count))
	for reason, n := range rs.count {
		counts[reason] = n
	}
	return counts
}
