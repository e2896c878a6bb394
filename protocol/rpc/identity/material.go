package identity

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// The files of an identity, named as Kubernetes names those of a TLS secret.
const (
	CertificateFile = "tls.crt" // its certificate, then those between it and the authority
	KeyFile         = "tls.key"
	AuthorityFile   = "ca.crt" // one authority or, while it is being replaced, two
)

// maxFileBytes bounds a file, which has one or two certificates.
const maxFileBytes = 256 << 10

// mostInChain bounds the certificates that somebody shows: the own one, and those between
// it and the authority. The standard library would check the signatures of a hundred, for
// everybody who connects.
const mostInChain = 4

// content is what the files hold.
type content struct{ certificate, key, authority []byte }

func (c content) same(other content) bool {
	return bytes.Equal(c.certificate, other.certificate) && bytes.Equal(c.key, other.key) && bytes.Equal(c.authority, other.authority)
}

func readContent(directory string) (c content, err error) {
	for _, f := range []struct {
		name string
		into *[]byte
	}{{CertificateFile, &c.certificate}, {KeyFile, &c.key}, {AuthorityFile, &c.authority}} {
		if *f.into, err = readBounded(filepath.Join(directory, f.name)); err != nil {
			return c, err
		}
	}
	return c, nil
}

func readBounded(path string) ([]byte, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path) // to open a pipe may take for ever
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err == nil && len(b) > maxFileBytes {
		err = fmt.Errorf("%s has more than %d bytes: is it a certificate?", path, maxFileBytes)
	}
	return b, err
}

// material is an identity as it was read at one time. It is never changed.
type material struct {
	name        Name
	certificate tls.Certificate
	authorities []*x509.Certificate
	pool        *x509.CertPool
}

// parse reads an identity, which must be good for use now.
func parse(c content, now time.Time) (*material, error) {
	pair, err := tls.X509KeyPair(c.certificate, c.key)
	if err != nil {
		return nil, fmt.Errorf("%s and %s do not make a pair: %w", CertificateFile, KeyFile, err)
	}
	m := &material{certificate: pair, pool: x509.NewCertPool()}
	if m.name, err = NameIn(pair.Leaf); err != nil {
		return nil, fmt.Errorf("%s: %w", CertificateFile, err)
	}
	if m.authorities, err = ParseCertificates(c.authority); err != nil {
		return nil, fmt.Errorf("%s: %w", AuthorityFile, err)
	}
	for _, a := range m.authorities {
		if !a.IsCA {
			return nil, fmt.Errorf("%s: %s is no authority", AuthorityFile, a.Subject)
		}
		m.pool.AddCert(a)
	}
	chain := []*x509.Certificate{pair.Leaf}
	for _, der := range pair.Certificate[1:] {
		between, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", CertificateFile, err)
		}
		chain = append(chain, between)
	}
	if err := m.verify(chain, x509.ExtKeyUsageClientAuth, now); err != nil {
		return nil, fmt.Errorf("%s: %w", CertificateFile, err)
	}
	if m.name.Role.serves() {
		if err := m.verify(chain, x509.ExtKeyUsageServerAuth, now); err != nil {
			return nil, fmt.Errorf("%s: %w", CertificateFile, err)
		}
	}
	return m, nil
}

// verify checks that a certificate, with those between behind it, comes from one of
// the authorities and is valid now. The error is a *Refusal.
func (m *material) verify(chain []*x509.Certificate, usage x509.ExtKeyUsage, now time.Time) error {
	if len(chain) == 0 {
		return refuse(NoCertificate, "there is no certificate: give one of this cluster with --tls")
	}
	if len(chain) > mostInChain {
		return refuse(Handshake, "there are %d certificates between one and its authority, and at most %d are looked at: leave out what is not needed", len(chain)-1, mostInChain-1)
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: m.pool, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{usage}})
	if err != nil {
		return badCertificate(chain[0], err, now)
	}
	return nil
}

// ParseCertificates reads certificates in PEM, at least one, and nothing else.
func ParseCertificates(b []byte) (list []*x509.Certificate, err error) {
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("there is a %s where certificates are expected", block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	if len(list) == 0 || len(bytes.TrimSpace(b)) > 0 {
		return nil, errors.New("it is no certificate in PEM")
	}
	return list, nil
}
