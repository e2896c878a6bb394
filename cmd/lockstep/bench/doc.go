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
//  6. submits blocks of one transaction, one at a time, for the latency;
//  7. in the first round, if it is wanted, kills shards, as told below, and
//     checks as in step 5 again.
//
// A file takes the place of the blocks of step 3 and is submitted once, its blocks
// in order, several of them under way. A cluster that runs already is not filled for a file.
//
// # Shards that are killed
//
// A restart is timed with logs of the length wanted: the shards run with flags
// that keep them from making checkpoints, under load, until their logs are that
// long together; then all processes are killed with SIGKILL under that load. Logs
// (without the reserves) and databases of the shards are read twice, the second
// time is what counts, and all are started with the usual flags. The cluster is
// ready when every /readyz says so: the state is there, and the coordinator has
// welcomed all shards.
//
// For an absence the last shard is killed under load. Clients go on: who is told
// that a block was withdrawn at its deadline, 5 s, submits it again. The resident
// memory of the others is looked at four times a second; the first and the last
// mean are of a minute, or of a fifth of the time if that is less. Then the shard
// is started again, and blocks must be committed. A restart before an absence
// leaves its traces in the memory of the shards: measure them in two runs.
//
// # What counts
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
