package identity_test

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity/identitytest"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// methods lists what the .proto files know, and what every server has beside it.
func methods(t *testing.T) (list []string) {
	t.Helper()
	for _, file := range []protoreflect.FileDescriptor{
		wirepb.File_lockstep_v1_cluster_proto, wirepb.File_lockstep_v1_coordinator_proto, wirepb.File_lockstep_v1_debug_proto, wirepb.File_lockstep_v1_exchange_proto,
		wirepb.File_lockstep_v1_operator_proto, wirepb.File_lockstep_v1_replication_proto, wirepb.File_lockstep_v1_session_proto,
		wirepb.File_lockstep_v1_shard_proto, grpc_health_v1.File_grpc_health_v1_health_proto,
		grpc_reflection_v1.File_grpc_reflection_v1_reflection_proto, grpc_reflection_v1alpha.File_grpc_reflection_v1alpha_reflection_proto,
	} {
		services := file.Services()
		for s := range services.Len() {
			for m := range services.Get(s).Methods().Len() {
				method := services.Get(s).Methods().Get(m)
				list = append(list, "/"+string(services.Get(s).FullName())+"/"+string(method.Name()))
			}
		}
	}
	return list
}

// Every method has a rule, and every rule a method.
func TestTheTableIsComplete(t *testing.T) {
	all := methods(t)
	for _, rule := range identity.Table() {
		if !slices.Contains(all, rule.Method) {
			t.Errorf("there is no method %s", rule.Method)
		}
	}
	for _, method := range all {
		n := 0
		for _, rule := range identity.Table() {
			if rule.Method == method {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s has %d rules, want one", method, n)
		}
	}
}

// what each role may do, told apart from the table by what it is for.
func wanted(role identity.Role, method string) bool {
	service, name := method[1:strings.LastIndex(method, "/")], method[strings.LastIndex(method, "/")+1:]
	reads := role != identity.Shard
	if name == "NoSuchMethod" {
		return false
	}
	switch strings.TrimPrefix(service, "lockstep.v1.") {
	case "SessionService", "ExchangeService":
		return role == identity.Shard
	case "ReplicationService":
		return role == identity.Coordinator
	case "CoordinatorService":
		if strings.HasPrefix(name, "Submit") || name == "Get" {
			return role == identity.Client
		}
		return reads
	case "ClusterService":
		return name == "Here" || name == "ListMembers" && reads || role == identity.Operator
	case "DebugService":
		return role == identity.Operator
	case "OperatorService":
		return role == identity.Operator || role == identity.Viewer && name != "ResolveInDoubt"
	case "ShardService":
		switch name {
		case "Get":
			return role == identity.Coordinator || role == identity.Client
		case "ListPrepared":
			return reads && role != identity.Client
		}
		return reads
	case "grpc.health.v1.Health":
		return true
	case "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection":
		return role == identity.Client || role == identity.Operator || role == identity.Viewer
	}
	return false
}

// stranger is one who should get nowhere.
type stranger struct {
	what   string
	option grpc.DialOption
	code   codes.Code
	reason identity.Reason // that the server counts
}

// hand is TLS as an attacker would speak it, who does not care who the server is.
func hand(certificates ...tls.Certificate) grpc.DialOption {
	return grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{InsecureSkipVerify: true, Certificates: certificates}))
}

func strangers(t *testing.T, c *identitytest.Authority, wide *unbound, role identity.Role) []stranger {
	name := identity.Name{Cluster: "prod", Role: role, ID: idOf(role)}
	now := time.Now()
	other := identitytest.New(t)
	elsewhere := name
	elsewhere.Cluster = "test"
	smuggled, err := c.Issue(elsewhere, nil, now, now.Add(day))
	if err != nil {
		t.Fatal(err)
	}
	return []stranger{
		{"expired", hand(keyPair(t, c.Between(role, name.ID, now.Add(-2*day), now.Add(-day)))), codes.Unavailable, identity.Expired},
		{"not yet valid", hand(keyPair(t, c.Between(role, name.ID, now.Add(day), now.Add(2*day)))), codes.Unavailable, identity.NotYetValid},
		{"forged", hand(keyPair(t, (*unbound)(nil).sign(t, name.String()))), codes.Unavailable, identity.UnknownCA},
		{"another authority", hand(keyPair(t, other.Between(role, name.ID, now, now.Add(day)))), codes.Unavailable, identity.UnknownCA},
		{"no certificate", hand(), codes.Unavailable, identity.NoCertificate},
		{"plaintext", (*identity.Identity)(nil).Expecting("", ""), codes.Unavailable, identity.Plaintext},
		{"another cluster", hand(keyPair(t, wide.sign(t, elsewhere.String()))), codes.Unauthenticated, identity.OtherCluster},
		{"another cluster, by an authority that may not", hand(keyPair(t, smuggled)), codes.Unavailable, identity.Handshake},
		{"no name", hand(keyPair(t, wide.sign(t))), codes.Unauthenticated, identity.BadName},
		{"two names", hand(keyPair(t, wide.sign(t, name.String(), "lockstep://prod/operator/x1"))), codes.Unauthenticated, identity.BadName},
		{"no such role", hand(keyPair(t, wide.sign(t, "lockstep://prod/god/x1"))), codes.Unauthenticated, identity.BadName},
	}
}

// Every role and every method, for the right one and for everybody who is not.
func TestWhoMayCallWhat(t *testing.T) {
	c, wide := identitytest.New(t), newUnbound(t)
	issued := c.Between(identity.Coordinator, "c1", time.Now(), time.Now().Add(day))
	dir := identitytest.Write(t, issued, append(slices.Clone(c.Files.Certificate), wide.pem()...))
	server := identitytest.Open(t, dir, identity.Options{})
	address := serveAll(t, server)
	all := append(methods(t), "/lockstep.v1.CoordinatorService/NoSuchMethod", "/no.such.Service/Method")
	for _, role := range identity.Roles() {
		t.Run(string(role), func(t *testing.T) {
			right := dial(t, address, c.Open(role, idOf(role)).Expecting(identity.Coordinator, "c1"))
			for _, method := range all {
				err := call(t, right, method)
				denied := status.Code(err) == codes.PermissionDenied
				if denied == wanted(role, method) || status.Code(err) == codes.Unavailable || status.Code(err) == codes.Unauthenticated {
					t.Errorf("%s calls %s: %v", role, method, err)
				}
			}
			for _, s := range strangers(t, c, wide, role) {
				conn := dial(t, address, s.option)
				before := server.Refused()[s.reason]
				for _, method := range all {
					if err := call(t, conn, method); status.Code(err) != s.code {
						t.Errorf("%s, %s, calls %s: %v, want %v", role, s.what, method, err, s.code)
					}
				}
				// The alert is out a moment before it is counted.
				for late := time.Now().Add(10 * time.Second); server.Refused()[s.reason] == before; time.Sleep(time.Millisecond) {
					if time.Now().After(late) {
						t.Fatalf("%s, %s: not counted as %s: %v", role, s.what, s.reason, server.Refused())
					}
				}
			}
		})
	}
}

// A caller does not talk to a server that is not the one it means.
func TestCallersKnowWhomTheyReach(t *testing.T) {
	c := identitytest.New(t)
	client := c.Open(identity.Client, "app")
	other := identitytest.New(t)
	const here = wirepb.ClusterService_Here_FullMethodName
	for _, test := range []struct {
		what   string
		server *identity.Identity
		expect identity.Expect
		says   string // "" if it is reached
	}{
		{"right", c.Open(identity.Shard, "2"), identity.Expect{Role: identity.Shard, ID: "2"}, ""},
		{"any of the role", c.Open(identity.Coordinator, "c2"), identity.Expect{Role: identity.Coordinator}, ""},
		{"another shard", c.Open(identity.Shard, "1"), identity.Expect{Role: identity.Shard, ID: "2"}, "lockstep://prod/shard/1 answers where shard 2 is expected"},
		{"another role", c.Open(identity.Shard, "1"), identity.Expect{Role: identity.Coordinator}, "lockstep://prod/shard/1 answers where a coordinator is expected"},
		{"a client", c.Open(identity.Client, "thief"), identity.Expect{Role: identity.Coordinator}, "is not good for this"},
		{"another authority", other.Open(identity.Coordinator, "c1"), identity.Expect{Role: identity.Coordinator}, "comes from an authority that is not in ca.crt"},
		{"plaintext", nil, identity.Expect{Role: identity.Coordinator}, "the server speaks no TLS"},
	} {
		conn := dial(t, serveAll(t, test.server), client.Expecting(test.expect.Role, test.expect.ID))
		err := call(t, conn, here)
		reached := status.Code(err) == codes.Unimplemented
		if reached != (test.says == "") || !strings.Contains(identity.Advice(sentence(err)), test.says) {
			t.Errorf("%s: %v, want %q", test.what, err, test.says)
		}
	}
}

// What somebody who is refused is told, with the clients of this project.
func TestRefusalsAreSentences(t *testing.T) {
	c := identitytest.New(t)
	long := c.Between(identity.Coordinator, "c1", time.Now().Add(-5*day), time.Now().Add(day))
	dir := identitytest.Write(t, long, c.Files.Certificate)
	address := serveAll(t, identitytest.Open(t, dir, identity.Options{}))
	other := identitytest.New(t)
	both := func(issued identity.Issued, ca ...[]byte) *identity.Identity {
		return identitytest.Open(t, identitytest.Write(t, issued, ca...), identity.Options{Now: func() time.Time { return time.Now().Add(-2 * day) }})
	}
	old := c.Between(identity.Client, "app", time.Now().Add(-3*day), time.Now().Add(-day))
	for what, test := range map[string]struct {
		client *identity.Identity
		says   string
	}{
		"plaintext": {nil, "the server speaks TLS: give --tls"},
		"unknown": {both(other.Between(identity.Client, "app", time.Now().Add(-3*day), time.Now().Add(day)), other.Files.Certificate, c.Files.Certificate),
			"the server does not accept this certificate, which may have expired by its clock or come from another authority"},
		"expired": {both(old, c.Files.Certificate), "the server does not accept this certificate, which may have expired by its clock or come from another authority"},
	} {
		err := call(t, dial(t, address, test.client.Expecting(identity.Coordinator, "")), wirepb.ClusterService_Here_FullMethodName)
		if says := identity.Advice(sentence(err)); !strings.Contains(says, test.says) || strings.Contains(says, "\n") {
			t.Errorf("%s: %v, want %q", what, err, test.says)
		}
	}
}
