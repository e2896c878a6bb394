package coordinator

import (
	"net"
	"testing"

	"github.com/lockstep-exec/lockstep/coordinator/replica"
)

// TestANewcomerElectsWhoHasAddedIt: from the moment at which it gets its vote that is
// needed, and the links or the leader may fail just then.
func TestANewcomerElectsWhoHasAddedIt(t *testing.T) {
	t.Parallel() // it waits more than it works
	c := newCouncil(t, 1)
	first := c.leader()
	newPuppet(t, first)
	c.commits("a", 1)
	newcomer := c.joins("c2")
	if err := first.replica.Add(replica.Member{Name: "c2", Address: newcomer.address}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the newcomer has what was decided", func() bool { return newcomer.replica.History().Height() == 1 })
	eventually(t, "the newcomer is enrolled", func() bool { return len(first.replica.State().Enrolled) == 2 })
	c.isolate(newcomer)
	if err := first.replica.Promote("c2"); err != nil { // the one that had the only vote decides that
		t.Fatal(err)
	}
	eventually(t, "the leader gives up without the newcomer", func() bool { return first.now.Load() == nil })
	c.kill(first)
	c.raise(first)
	c.heal(newcomer)
	c.commits("b", 2)
	eventually(t, "the newcomer follows", func() bool { return newcomer.replica.History().Height() == 2 })
}

// joins starts an empty coordinator that waits to be added to the first one.
func (c *council) joins(name string) *office {
	c.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	o := c.members[0].options
	o.Directory, o.Name, o.Address, o.Members, o.Join = c.t.TempDir(), name, l.Addr().String(), nil, true
	o.Dial = c.links.from(o.Address)
	f := &office{t: c.t, options: o, listens: l, address: o.Address, others: []string{c.members[0].address}}
	c.members = append(c.members, f)
	f.start()
	return f
}
