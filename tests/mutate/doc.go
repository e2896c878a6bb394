// Package mutate damages data directories at random and checks that nobody is
// fooled. It makes the directories of a small cluster once, with real sockets,
// logs and databases. Then, case by case and reproducible from a seed, it damages
// one file or one folder of a copy, and looks at what a start and the recovery
// tool make of it:
//
//   - harmless: the directory is sound, and a start brings back exactly what was
//     there;
//   - mended: likewise, after a start, or repair, took away what was never
//     acknowledged;
//   - refused: a start refuses, and verify says why;
//   - latent: a start succeeds because it does not read everything; verify finds
//     the damage, and no read gives a wrong value for a right one;
//   - hidden: likewise, but a scan of the database by a running shard misses pairs,
//     because a broken page leads the search astray; verify finds it;
//   - old: the directory is sound, and verify with the decisions, or compare,
//     finds that it is an old one.
//
// Anything else fails the test: a panic, a refusal that verify does not explain,
// a state that differs while verify finds nothing.
//
// LOCKSTEP_LONG=1 runs ten thousand cases, LOCKSTEP_SEED another seed, and
// LOCKSTEP_CASE one case of it.
package mutate
