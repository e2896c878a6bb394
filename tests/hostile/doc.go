// Package hostile holds tests of what a shard that lies can do: a scripted one
// beside a real coordinator and real shards, in one process, over real
// connections. docs/security.md says what they prove, and what nobody can.
//
// The machine of these tests copies what it reads into what it writes, so a value
// that a shard makes up shows in the state of the others. Tests of data directories
// in which something else stands than was left there are here too.
package hostile
