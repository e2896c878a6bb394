// Command bench measures Lockstep for docs/performance.md: it runs the built
// binary's "bench" for each case of a suite, keeps the JSON of every run, and
// prints one Markdown table per suite.
//
//	bars      what the project holds itself to
//	accounts  what grows with the state: 10,000 to 10 million accounts
//	blocks    what grows with the block: 1 to 100,000 transactions
//	shards    1 to 16 shards, and the machines that a million a second would take
//
// With -from the tables are made of the JSON that an earlier run has kept.
package main
