// Package attack has a cluster of real processes attacked by everybody at once while
// clients load it, and then proves that nothing was lost, and that nobody was hurt.
//
//	go test ./tests/attack -v -attack.duration=10m -attack.seed=7 -attack.tls=false
//
// Three coordinators and four shards run once in plaintext on loopback and once with
// TLS, or as -attack.tls says. The attackers are listed in attackers_test.go. With TLS
// each of their connections draws who it is: somebody without a certificate, somebody
// with that of another cluster, a viewer, or a client whose certificate is good; those
// get further, and are the worst. Attackers come from addresses of their own, 127.0.0.2
// and on, where a machine has them (Linux does).
//
// In plaintext everybody who reaches a port is trusted, so attackers there send garbage,
// floods and what they have overheard, but do not forge: they do not claim to be a shard
// or a coordinator of the cluster, nor do they order coordinators about.
//
// A run fails unless
//
//   - every answer that a client got stands in the history, once, and history, outcomes,
//     digests and databases are those of one sequential run (package proof);
//   - every process is the one that was started, and has logged no panic;
//   - no process ever had more memory than the bound in bounds_test.go, which says why;
//   - a block was committed every 5 seconds on average, and at least every 30;
//   - after the attackers are gone, goroutines and open files of every process come
//     back to about as many as before;
//   - logs have stayed small;
//   - nobody got an answer that is not for it, and with TLS refusals were counted.
//
// It prints what every attacker did and how that ended, and by how much the clients were
// slowed down, which also depends on how many cores the attackers take away.
package attack
