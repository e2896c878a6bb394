package identity

import (
	"slices"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Rule says who may call a method. What has no rule is refused to everybody.
type Rule struct {
	Method string // /package.Service/Method
	Roles  []Role
}

var (
	// Whoever shows what a cluster does, and the coordinators among themselves, whose
	// dashboards show what the one knows that leads.
	readers = []Role{Coordinator, Client, Operator, Viewer}
	people  = []Role{Client, Operator, Viewer}
)

// table is the whole of what anybody may do over gRPC.
var table = []Rule{
	{wirepb.SessionService_Open_FullMethodName, []Role{Shard}},
	{wirepb.ExchangeService_Push_FullMethodName, []Role{Shard}},

	{wirepb.ReplicationService_RequestVote_FullMethodName, []Role{Coordinator}},
	{wirepb.ReplicationService_RequestPreVote_FullMethodName, []Role{Coordinator}},
	{wirepb.ReplicationService_TimeoutNow_FullMethodName, []Role{Coordinator}},
	{wirepb.ReplicationService_Heartbeat_FullMethodName, []Role{Coordinator}},
	{wirepb.ReplicationService_AppendEntries_FullMethodName, []Role{Coordinator}},
	{wirepb.ReplicationService_InstallSnapshot_FullMethodName, []Role{Coordinator}},

	{wirepb.CoordinatorService_SubmitBlock_FullMethodName, []Role{Client}},
	{wirepb.CoordinatorService_SubmitBlocks_FullMethodName, []Role{Client}},
	{wirepb.CoordinatorService_SubmitTransactions_FullMethodName, []Role{Client}},
	{wirepb.CoordinatorService_Get_FullMethodName, []Role{Client}},
	{wirepb.CoordinatorService_Watch_FullMethodName, readers},
	{wirepb.CoordinatorService_GetBlock_FullMethodName, readers},
	{wirepb.CoordinatorService_ListBlocks_FullMethodName, readers},
	{wirepb.CoordinatorService_ListTimelines_FullMethodName, readers},
	{wirepb.CoordinatorService_Status_FullMethodName, readers},

	// A shard finds the coordinator that leads by it.
	{wirepb.ClusterService_Here_FullMethodName, Roles()},
	{wirepb.ClusterService_ListMembers_FullMethodName, readers},
	{wirepb.ClusterService_AddMember_FullMethodName, []Role{Operator}},
	{wirepb.ClusterService_RemoveMember_FullMethodName, []Role{Operator}},
	{wirepb.ClusterService_TransferLeadership_FullMethodName, []Role{Operator}},
	{wirepb.ClusterService_Drain_FullMethodName, []Role{Operator}},

	{wirepb.OperatorService_ListInDoubt_FullMethodName, []Role{Operator, Viewer}},
	{wirepb.OperatorService_ShowInDoubt_FullMethodName, []Role{Operator, Viewer}},
	{wirepb.OperatorService_ListResolved_FullMethodName, []Role{Operator, Viewer}},
	{wirepb.OperatorService_ResolveInDoubt_FullMethodName, []Role{Operator}},

	{wirepb.ShardService_Get_FullMethodName, []Role{Coordinator, Client}},
	{wirepb.ShardService_Status_FullMethodName, readers},
	{wirepb.ShardService_ListPrepared_FullMethodName, []Role{Coordinator, Operator, Viewer}},

	// What a daemon tells has no secrets, and shows how it is made up.
	{wirepb.DebugService_Collect_FullMethodName, []Role{Operator}},

	// Health tells one word, and probes of an orchestrator have any certificate.
	{"/grpc.health.v1.Health/Check", Roles()},
	{"/grpc.health.v1.Health/List", Roles()},
	{"/grpc.health.v1.Health/Watch", Roles()},
	// Reflection tells what the .proto files say, to whoever explores by hand.
	{"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", people},
	{"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", people},
}

var allowed = func() map[string][]Role {
	m := make(map[string][]Role, len(table))
	for _, r := range table {
		m[r.Method] = r.Roles
	}
	return m
}()

// Table lists who may call what, in an order for people.
func Table() []Rule { return slices.Clone(table) }

// pageTable is who may see what over HTTP.
var pageTable = []Rule{
	{"/livez", Roles()},
	{"/readyz", Roles()},
	{"/metrics", people},
	{"/status", people},
	{"/ and all below it: the dashboard", people},
}

// PageTable lists who may see which page over HTTP.
func PageTable() []Rule { return slices.Clone(pageTable) }

// isProbe reports whether a page is one that supervisors look at.
func isProbe(path string) bool { return path == "/livez" || path == "/readyz" }

// mayOpen reports whether a role may see a page.
func mayOpen(path string, r Role) bool { return isProbe(path) || slices.Contains(people, r) }
