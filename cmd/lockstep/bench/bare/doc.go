// Package bare is what blocks would cost without Lockstep: one process runs
// the same bytes through the same machine, one transaction after the other,
// over one bbolt file per shard, and writes each block with one Update per
// file, all files at once, fully synced.
//
// It has no log, no votes, no network, no digests, and no atomicity: a crash
// between two Updates leaves a block on some files and not on others. It is the
// floor that the cost of a commit is measured against.
package bare
