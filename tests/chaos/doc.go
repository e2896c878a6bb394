// Package chaos breaks a cluster of real processes at random while clients load
// it, and then proves that nothing was lost, doubled or mixed up.
//
//	go test ./tests/chaos -run '^TestChaos' -chaos.seed=7 -chaos.minutes=30 -timeout 90m
//
// The nemesis takes one step after the other. A step is drawn from the seed and
// its own number, so a seed gives the same steps again, though not at the same
// moments of the cluster, and only where the same faults can be had. It kills nodes, also in the middle of recovery and all
// at once, stops them for a while, breaks, slows and flaps links, fills disks
// and makes syncs fail. Every step undoes what it did before it ends. Steps
// overlap, and each is written to a log that a failed run prints.
//
// There are one or three coordinators: of a long run the seed chooses, or
// -chaos.coordinators. Of several, the one that leads is killed, stopped for longer
// than the others wait for it, and cut off; a majority goes away, and nothing may be
// decided meanwhile; leadership is given away; all are restarted in turn; one loses
// its disk and is replaced by an empty one, the leader too, and while a majority is
// away. TestChaosCoordinators takes each of these once and wants a block to be decided
// after it. TestLeaderKills, with
// -chaos.leaderkill=10s, kills nothing but leaders and measures how long it takes
// until the next block is committed.
//
// TestChaos breaks links with proxies. TestChaosNamespaces runs every node in a
// network namespace of its own, and so can cut any node off from any other, in
// one direction or both, without a word to either.
//
// The proof needs no trust in the cluster: the content of every block follows
// from the seed and the number in its key. It goes by six things:
//
//   - every answer that a client got stands in the history, at the height and
//     with the digests that it named, and no block is there twice; a block that
//     was given up after "aborted" is not there at all;
//   - outcomes, state digests and chain roots of the history are those of one
//     sequential run (invariants 1, 3, 5);
//   - every read, of the cluster or straight from a shard, saw the accounts as
//     that run had them at the height read, and so the same sum (invariant 8);
//   - no coordinator holds another decision than was told, and a majority holds every
//     one (invariants 1, 3);
//   - all shards arrive at one height, and the dump of each is that run's state,
//     byte for byte (invariants 6, 7); recover verify and compare agree;
//   - memory and files stay within bounds.
//
// A run fails too if it commits fewer than 1,000 transactions across shards a
// second, on average over faults and all.
//
// As root on Linux the tests run in mount and network namespaces of their own,
// so that nothing is left behind however they end. What a machine does not
// allow is left out, and the log says so.
package chaos
