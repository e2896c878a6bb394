// Package members is what operators talk to: who the coordinators of a cluster
// are, how they are, and who of them leads.
//
//	service := members.New(members.Options{Group: c.Replica(), …})
//	node := members.Managed{Coordinator: c, Members: service}
//	err := rpc.Host(ctx, listener, node, rpc.ServerOptions{}) // serves, runs and closes both
//
// A coordinator answers for itself (Here). What it says of others it has asked
// them for, so that an operator sees at one place who does not answer, who lags,
// and who is not the one that was added under its name.
//
// Changes are made by the leader, one at a time. One that would leave the group
// without a majority of members that answer is refused: raft would take it, and
// then nothing would be decided any more. A newcomer is a learner, which counts in no
// majority, until it is level by what it has acknowledged and applied; whoever leads
// then gives it its vote, when it is asked again to add it.
package members
