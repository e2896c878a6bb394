// Package telemetry is what /metrics of both daemons shows: every metric of a
// shard is defined in shard.go, every one of a coordinator in coordinator.go, what
// both have in common.go. docs/reference/metrics.md is generated from them.
//
// There are two kinds. Gauges and sums that a daemon keeps anyway are read at each
// scrape, from one look at the daemon, so that they fit together (look). What is
// over before a scrape could see it is watched: ShardWatch and CoordinatorWatch
// hear of every step of the state machine and of the moment at which its effects
// have been carried out, and observe how long the phases took. The packages of the
// daemons know nothing of metrics; they offer observers and figures.
//
// Every label has few values that are known beforehand, but for the numbers of
// shards, the names of coordinators, and the outcomes of a machine, of which all
// beyond a bound are counted as "other".
package telemetry
