// Package cluster runs Lockstep as its users do: one process per daemon, from
// the binary, with real sockets, logs and databases. Tests use it to break
// things: kill, stop, cut, hold, and then to compare what is left.
//
//	c := cluster.Start(t, cluster.Options{Binary: binary, Shards: 4})
//	c.AwaitReady()
//	done := c.Lockstep("submit", "-o", "json", file)
//	c.Shards[2].Uplink.Cut() // shard 2 cannot reach its coordinator
//
// Every connection goes through a proxy: each shard has its own to the
// coordinator (Uplink) and one that stands for its address to everybody else
// (Inbound); clients have one too. So a link breaks without any daemon being
// asked, and a daemon that comes back on another port is still found. Options
// may give every daemon a Place, such as a network namespace, instead. Where there
// are several coordinators each has an Inbound for everybody, shards and clients
// included, because they send each other there.
//
// The package imports nothing of Lockstep: it knows only what is promised to
// programs outside, so it also checks the promise. A process that ends without
// being told to, a panic, a data race, or a quarantine fails the test.
package cluster
