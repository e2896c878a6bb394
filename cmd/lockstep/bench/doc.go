// Package bench measures a cluster under load, and next to it what the same
// blocks cost without Lockstep.
//
// # A run
//
// Each round starts a cluster of real processes on empty directories, or takes
// one that runs already, and then
//
//  1. fills the accounts, and waits until that is checkpointed everywhere;
//  2. warms up with blocks of the same kind, which are not counted;
//  3. makes the blocks of the measurement ahead, in memory, encoded once: 1.5
//     times as many as the pace of the warm-up asks for, but at most 512 MiB.
//     If they do not last, their content is sent again under new block keys;
//  4. submits them, some at once, for a time or a number of blocks, and waits
//     for the answers;
//  5. waits until everything is checkpointed, and checks that all shards are at
//     one height and that the sum of all balances is what it was;
//  6. submits blocks of one transaction, one at a time, for the latency.
//
// Throughput is transactions from the first submission to the last answer, at
// which every block is durable in the logs of all shards. Whoever submits runs on
// the same machine, and its processor time is reported apart. Processor time
// and bytes written of the daemons are counted up to the end of step 5, so that
// a checkpoint that was put off still counts, and the throughput up to there is
// given too.
//
// # Comparisons
//
// Every rival then runs on fresh files on the same disk, filled in the same way:
// the same warm-up, and the same blocks from the first on, until it has done as
// many or taken twice as long, and 2 s at least. With several rounds they all
// take turns, every second round in reverse order; the ratio is the median of
// the rounds' ratios, with the lowest and the highest.
//
// bare is package bare: its time ends when the last Update is done, and decoding
// a block is part of it, as it is for a shard.
// postgres and postgres_block are package pg.
package bench
