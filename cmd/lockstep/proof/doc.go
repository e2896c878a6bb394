// Package proof shows that a cluster that is stopped holds what it should: it
// runs the committed blocks one after the other, in memory, and compares every
// byte with what stands in the data directories.
//
// What is checked
//
//  1. The blocks are the ones that were submitted, and they and the recorded
//     digests link to the recorded chain roots; the outcomes are the ones that
//     were recorded.
//  2. All shards are at the last height.
//  3. The database of each shard holds, to the byte, its part of the sequential
//     state at the height it was checkpointed at.
//  4. Database and log together hold that of the last height.
//  5. The state digest of each shard, added up anew from all its pairs, is the
//     one in the decision of the last height.
//  6. Where several coordinators are given: no history of theirs differs from what
//     was told, and a majority of them holds every height, in history or log.
//  7. The balances add up to what was credited less what was debited.
//
// # Files
//
// A demo leaves in its directory, beside those of the daemons,
//
//	blocks/ID      canonical body of each block submitted, by block id
//	history.jsonl  what was committed, a line a height
package proof
