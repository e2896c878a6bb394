package executor

import "sync/atomic"

// Traffic is what an exchange has carried since it was made, repetitions after
// a reconnect included.
type Traffic struct {
	Sent, Received Carried
	Breaks         uint64 // how often a link to a peer has failed or was not made
}

// Carried is one direction of it.
type Carried struct {
	Values, Bytes uint64 // bytes as packed
}

// traffic counts what becomes Traffic; it is safe for concurrent use.
type traffic struct {
	sent, received carried
	breaks         atomic.Uint64
}

type carried struct{ values, bytes atomic.Uint64 }

// add counts packed values. Of those that are not whole, it counts what came
// before the fault.
func (c *carried) add(values []byte) {
	n := uint64(0)
	_ = eachValue(values, func(uint32, int, []byte, bool) error {
		n++
		return nil
	})
	c.values.Add(n)
	c.bytes.Add(uint64(len(values)))
}

func (c *carried) now() Carried { return Carried{Values: c.values.Load(), Bytes: c.bytes.Load()} }

// Traffic gives what was carried so far.
func (x *Exchange) Traffic() Traffic {
	t := &x.traffic
	return Traffic{Sent: t.sent.now(), Received: t.received.now(), Breaks: t.breaks.Load()}
}
