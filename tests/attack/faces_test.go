package attack

import (
	"crypto/tls"
	"path/filepath"
	"testing"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/certset"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity/identitytest"
)

// face is who an attacker says that it is.
type face struct {
	name        string
	secure      bool             // speaks TLS
	certificate *tls.Certificate // nil shows none
	// insider is somebody whom the cluster lets in as a client.
	insider bool
	// looks is somebody who may look at pages.
	looks bool
}

// facesOf gives everybody that attackers may be, the insider first.
func facesOf(t *testing.T, identities *certset.Set) []face {
	t.Helper()
	if identities == nil {
		return []face{{name: "anybody", insider: true, looks: true}}
	}
	ours := func(role identity.Role, id string) *tls.Certificate {
		flags, err := identities.Flags(role, id)
		if err != nil {
			t.Fatal(err)
		}
		return certificate(t, flags[1])
	}
	return []face{
		{name: "a client", secure: true, certificate: ours(identity.Client, "mallory"), insider: true, looks: true},
		{name: "a viewer", secure: true, certificate: ours(identity.Viewer, "eve"), looks: true},
		{name: "somebody of another cluster", secure: true, certificate: certificate(t, identitytest.New(t).Directory(identity.Client, "trudy"))},
		{name: "somebody without a certificate", secure: true},
	}
}

func certificate(t *testing.T, directory string) *tls.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(directory, identity.CertificateFile), filepath.Join(directory, identity.KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	return &pair
}

// config is how it speaks TLS. Attackers do not care who answers.
func (f face) config(protocols ...string) *tls.Config {
	c := &tls.Config{InsecureSkipVerify: true, NextProtos: protocols}
	if f.certificate != nil {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return f.certificate, nil }
	}
	return c
}
