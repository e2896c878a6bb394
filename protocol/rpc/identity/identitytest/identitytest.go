// Package identitytest makes identities for tests.
package identitytest

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
)

// Cluster is the name of the clusters that are made.
const Cluster = "prod"

// Authority issues identities of a cluster.
type Authority struct {
	*identity.Authority
	Files identity.Issued
	t     testing.TB
}

// New makes an authority.
func New(t testing.TB) *Authority {
	t.Helper()
	a, files, err := identity.NewAuthority(Cluster, time.Now().AddDate(0, 0, -10), 100*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return &Authority{Authority: a, Files: files, t: t}
}

// Between issues an identity that is valid from a moment until another one.
func (a *Authority) Between(role identity.Role, id string, from, until time.Time) identity.Issued {
	a.t.Helper()
	issued, err := a.Issue(identity.Name{Cluster: Cluster, Role: role, ID: id}, nil, from, until)
	if err != nil {
		a.t.Fatal(err)
	}
	return issued
}

// Directory gives a folder with an identity that is valid for a day.
func (a *Authority) Directory(role identity.Role, id string) string {
	a.t.Helper()
	now := time.Now()
	return Write(a.t, a.Between(role, id, now, now.AddDate(0, 0, 1)), a.Files.Certificate)
}

// Open gives an identity that is valid for a day.
func (a *Authority) Open(role identity.Role, id string) *identity.Identity {
	a.t.Helper()
	return Open(a.t, a.Directory(role, id), identity.Options{})
}

// Write gives a folder with what was issued, which trusts some authorities.
func Write(t testing.TB, issued identity.Issued, authorities ...[]byte) string {
	t.Helper()
	var all []byte
	for _, a := range authorities {
		all = append(all, a...)
	}
	dir := filepath.Join(t.TempDir(), "tls")
	if err := identity.WriteFiles(dir, issued.Files(all)...); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Open reads the identity in a folder.
func Open(t testing.TB, dir string, o identity.Options) *identity.Identity {
	t.Helper()
	i, err := identity.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return i
}
