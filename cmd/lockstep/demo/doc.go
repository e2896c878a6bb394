// Package demo shows on one machine what Lockstep is for: it runs a cluster of
// real processes, puts load on it, cuts links and kills processes at the worst
// moments, and proves in the end that nothing was lost, doubled or mixed up.
//
// The processes talk gRPC over loopback, through relays (package link) that
// stand between each shard and the coordinator, in front of each shard for its
// peers, and in front of the coordinator for clients. So a link can be cut
// while both ends stay up, a daemon that comes back on another port is found,
// and a vote can be kept back for as long as a step wants to look at it.
//
// With several coordinators there is a link in front of each, and each shard has
// one of its own to each. Shards that a coordinator sends on to the leader go there
// by the link that is in front of it, as everybody does.
//
// Every step waits for conditions that the daemons report themselves, never
// for time to pass, and every wait is bounded.
package demo
