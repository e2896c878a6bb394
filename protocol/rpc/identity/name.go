package identity

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// scheme is that of the URI in a certificate.
const scheme = "lockstep"

// Role says what an identity is for.
type Role string

// The roles that there are.
const (
	Coordinator Role = "coordinator"
	Shard       Role = "shard"
	Client      Role = "client"
	Operator    Role = "operator"
	Viewer      Role = "viewer"
)

// Roles lists them.
func Roles() []Role { return []Role{Coordinator, Shard, Client, Operator, Viewer} }

// serves reports whether those of a role are called by others.
func (r Role) serves() bool { return r == Coordinator || r == Shard }

// Name is who somebody is: the URI of a certificate.
type Name struct {
	Cluster string // trust domain
	Role    Role
	ID      string // number of a shard, name of a coordinator or of whoever uses the cluster
}

// ShardName is the ID of a shard.
func ShardName[N ~uint32 | ~int](number N) string { return strconv.FormatInt(int64(number), 10) }

func (n Name) String() string { return scheme + "://" + n.Cluster + "/" + string(n.Role) + "/" + n.ID }

// url is the name as a certificate has it.
func (n Name) url() *url.URL {
	return &url.URL{Scheme: scheme, Host: n.Cluster, Path: "/" + string(n.Role) + "/" + n.ID}
}

var (
	clusterForm = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)
	idForm      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)
	shardForm   = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})$`)
)

// Validate says what is wrong with a name.
func (n Name) Validate() error {
	switch {
	case !clusterForm.MatchString(n.Cluster):
		return fmt.Errorf("the name of a cluster is 1 to 63 small letters, digits and hyphens, beginning with a letter, not %q", n.Cluster)
	case n.Role == Shard && !shardForm.MatchString(n.ID):
		return fmt.Errorf("the name of a shard is its number, not %q", n.ID)
	case n.Role != Shard && !idForm.MatchString(n.ID):
		return fmt.Errorf("the name of a %s is 1 to 128 letters, digits, dots, hyphens and underscores, beginning with a letter or a digit, not %q", n.Role, n.ID)
	}
	for _, role := range Roles() {
		if n.Role == role {
			return nil
		}
	}
	return fmt.Errorf("there is no role %q", n.Role)
}

// ParseName reads what String writes, and nothing else.
func ParseName(text string) (Name, error) {
	rest, ours := strings.CutPrefix(text, scheme+"://")
	parts := strings.Split(rest, "/")
	if !ours || len(parts) != 3 {
		return Name{}, fmt.Errorf("%q is no identity: want %s://CLUSTER/ROLE/NAME", text, scheme)
	}
	n := Name{Cluster: parts[0], Role: Role(parts[1]), ID: parts[2]}
	if err := n.Validate(); err != nil {
		return Name{}, err
	}
	return n, nil
}

// NameIn reads the name in a certificate, which must have one URI, a name.
func NameIn(c *x509.Certificate) (Name, error) {
	if len(c.URIs) != 1 {
		return Name{}, fmt.Errorf("the certificate has %d URIs, want one, %s://CLUSTER/ROLE/NAME", len(c.URIs), scheme)
	}
	return ParseName(c.URIs[0].String())
}

// Expect says whom a caller means to reach: anybody of a role if ID is "", any daemon
// if Role is "" too.
type Expect struct {
	Role Role
	ID   string
}

func (e Expect) String() string {
	switch {
	case e.Role == "":
		return "a daemon"
	case e.ID == "":
		return "a " + string(e.Role)
	}
	return string(e.Role) + " " + e.ID
}

func (e Expect) met(by Name) bool {
	if e.Role == "" {
		return by.Role.serves()
	}
	return e.Role == by.Role && (e.ID == "" || e.ID == by.ID)
}
