// Package pg runs the transfers of a workload on a PostgreSQL server of its
// own, started in an empty directory behind a Unix socket, with one database
// per shard and default durability: fsync and synchronous_commit are on.
//
// Two forms are measured.
//
// Transactions is what an application does that commits atomically over several
// databases: each transfer is prepared on both (PREPARE TRANSACTION), then
// committed on both (COMMIT PREPARED), or simply committed if one database has
// both accounts. Many connections do so at the same time, with prepared
// statements sent in one go, and accounts are touched in one order everywhere,
// so that there are no deadlocks.
//
// Blocks is the most favourable form: what a block comes to is added up outside
// the database, ahead of time, and each database changes its accounts with one
// UPDATE over all of them. There is one two-phase commit for the whole block.
// No balance is checked.
//
// Neither form keeps a log of its decisions, as whoever coordinates a two-phase
// commit must, so a crash in the wrong moment leaves databases of which nobody
// knows what was decided: both do less than Lockstep.
package pg
