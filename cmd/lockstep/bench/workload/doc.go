// Package workload makes the blocks of a measurement: ledger transfers between
// accounts that are filled beforehand.
//
//	uniform      both accounts at random
//	zipf         the account of rank r with weight 1/r^skew
//	hot          every transfer pays into one account
//	single       a share of the transfers stays on one shard
//	read-mostly  a share of the transactions only looks two notes up
//
// A block is a function of the options, the seed and its number alone: the same
// seed gives the same blocks, in whatever order and by however many goroutines
// they are asked for. Accounts get so much, and transfers move so little, that
// every transaction is applied; so blocks may be committed in any order and
// come to the same state.
package workload
