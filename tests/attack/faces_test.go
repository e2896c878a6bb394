package attack

import (
	"crypto/tls"
	"path/filepath"
	"slices"
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
	// looks is somebody who may look at pages.
	looks bool
	// may are the methods that it may call; nil for all.
	may []string
}

// mayCall tells whether an answer of a method is for this one.
func (f face) mayCall(m method) bool { return f.may == nil || slices.Contains(f.may, m.path()) }

// What the certificates of attackers are good for, as docs/security.md has it.
var (
	viewerMay = []string{
		"/lockstep.v1.CoordinatorService/Watch", "/lockstep.v1.CoordinatorService/GetBlock", "/lockstep.v1.CoordinatorService/ListBlocks",
		"/lockstep.v1.CoordinatorService/ListTimelines", "/lockstep.v1.CoordinatorService/Status", "/lockstep.v1.ClusterService/Here",
		"/lockstep.v1.ClusterService/ListMembers", "/lockstep.v1.OperatorService/ListInDoubt", "/lockstep.v1.OperatorService/ShowInDoubt",
		"/lockstep.v1.OperatorService/ListResolved", "/lockstep.v1.ShardService/Status", "/lockstep.v1.ShardService/ListPrepared",
	}
	clientMay = []string{
		"/lockstep.v1.CoordinatorService/SubmitBlock", "/lockstep.v1.CoordinatorService/SubmitBlocks", "/lockstep.v1.CoordinatorService/SubmitTransactions",
		"/lockstep.v1.CoordinatorService/Get", "/lockstep.v1.CoordinatorService/Watch", "/lockstep.v1.CoordinatorService/GetBlock",
		"/lockstep.v1.CoordinatorService/ListBlocks", "/lockstep.v1.CoordinatorService/ListTimelines", "/lockstep.v1.CoordinatorService/Status",
		"/lockstep.v1.ClusterService/Here", "/lockstep.v1.ClusterService/ListMembers", "/lockstep.v1.ShardService/Get", "/lockstep.v1.ShardService/Status",
	}
	nothing = []string{}
)

// facesOf gives everybody that attackers may be, first somebody who is let in.
func facesOf(t *testing.T, identities *certset.Set) []face {
	t.Helper()
	if identities == nil {
		return []face{{name: "anybody", looks: true}}
	}
	ours := func(role identity.Role, id string) *tls.Certificate {
		flags, err := identities.Flags(role, id)
		if err != nil {
			t.Fatal(err)
		}
		return certificate(t, flags[1])
	}
	return []face{
		{name: "a client", secure: true, certificate: ours(identity.Client, "mallory"), looks: true, may: clientMay},
		{name: "a viewer", secure: true, certificate: ours(identity.Viewer, "eve"), looks: true, may: viewerMay},
		{name: "somebody of another cluster", secure: true, certificate: certificate(t, identitytest.New(t).Directory(identity.Client, "trudy")), may: nothing},
		{name: "somebody without a certificate", secure: true, may: nothing},
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
