package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"time"
)

// Authority issues the identities of one cluster.
type Authority struct {
	Certificate *x509.Certificate
	key         crypto.Signer
}

// Issued is a certificate with its key, both in PEM.
type Issued struct{ Certificate, Key []byte }

// skew is how far in the past certificates begin, for clocks that do not agree.
const skew = 5 * time.Minute

// NewAuthority makes an authority for a cluster, which vouches for that cluster alone,
// and gives its files.
func NewAuthority(cluster string, now time.Time, valid time.Duration) (*Authority, Issued, error) {
	if err := (Name{cluster, Viewer, "x"}).Validate(); err != nil {
		return nil, Issued{}, err
	}
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: "Lockstep authority of " + cluster},
		NotBefore: now.Add(-skew), NotAfter: now.Add(valid),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
		PermittedDNSDomainsCritical: true, PermittedURIDomains: []string{cluster},
	}
	issued, err := issue(template, nil, nil)
	if err != nil {
		return nil, Issued{}, err
	}
	a, err := ParseAuthority(issued)
	return a, issued, err
}

// ParseAuthority reads the files of an authority.
func ParseAuthority(files Issued) (*Authority, error) {
	list, err := ParseCertificates(files.Certificate)
	if err != nil {
		return nil, fmt.Errorf("the certificate of the authority: %w", err)
	}
	block, _ := pem.Decode(files.Key)
	if block == nil {
		return nil, errors.New("the key of the authority is not PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("the key of the authority: %w", err)
	}
	key, ok := parsed.(crypto.Signer)
	if !ok || !list[0].IsCA {
		return nil, errors.New("this is no authority")
	}
	if public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(list[0].PublicKey) {
		return nil, errors.New("certificate and key of the authority do not belong together")
	}
	return &Authority{Certificate: list[0], key: key}, nil
}

// Cluster is the cluster that the authority vouches for.
func (a *Authority) Cluster() (string, error) {
	if len(a.Certificate.PermittedURIDomains) != 1 {
		return "", errors.New("this authority was not made by lockstep certs: it does not say for which cluster it is")
	}
	return a.Certificate.PermittedURIDomains[0], nil
}

// Issue makes an identity. hosts, names and addresses, are for browsers and scrapers that
// look at the pages of a daemon; nothing else depends on them.
func (a *Authority) Issue(n Name, hosts []string, from, until time.Time) (Issued, error) {
	if err := n.Validate(); err != nil {
		return Issued{}, err
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: string(n.Role) + " " + n.ID}, URIs: []*url.URL{n.url()},
		NotBefore: from.Add(-skew), NotAfter: until, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if n.Role.serves() {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	return issue(template, a.Certificate, a.key)
}

// issue makes a key, and a certificate for it that is signed by a parent; by itself if
// that is nil.
func issue(template, parent *x509.Certificate, signer crypto.Signer) (Issued, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Issued{}, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return Issued{}, err
	}
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return Issued{}, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Issued{}, err
	}
	return Issued{
		Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	}, nil
}
