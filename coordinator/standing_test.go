package coordinator

import (
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/hashicorp/go-hclog"

	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// newcomer starts an empty coordinator that waits to be added.
func (c *council) newcomer(name string) *office {
	c.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	f := &office{t: c.t, listens: l, address: l.Addr().String()}
	f.options = Options{Directory: c.t.TempDir(), Name: name, Address: f.address, Join: true, Dial: c.links.from(f.address), MinFreeBytes: -1,
		Logger: hclog.NewNullLogger(), Timing: c.members[0].options.Timing}
	f.start()
	c.t.Cleanup(func() {
		if f.up {
			f.stop()
		}
	})
	return f
}

// says checks what a coordinator tells probes and clients that takes no part.
func (f *office) says(words string) {
	f.t.Helper()
	eventually(f.t, f.options.Name+" says "+words, func() bool {
		err := f.Ready()
		return err != nil && strings.Contains(err.Error(), words)
	})
	_, err := f.submits("nowhere", patience)
	wantCode(f.t, err, codes.Unavailable)
	if at, elsewhere := wire.Leader(err); elsewhere && at != "" {
		return // it still knows who leads
	}
	if !wire.IsNotMember(err) || !strings.Contains(err.Error(), words) {
		f.t.Errorf("%s sends clients away with %v", f.options.Name, err)
	}
}

// TestThoseThatTakeNoPartSayWhy: one that waits, one that learns, one that was
// removed, and one that came back with another directory.
func TestThoseThatTakeNoPartSayWhy(t *testing.T) {
	t.Parallel() // it waits more than it works
	c := newCouncil(t, 3)
	newPuppet(t, c.members[0])
	c.commits("a", 1)
	leader := c.leader()
	c4 := c.newcomer("c4")
	c4.says("c4 waits to be added: lockstep cluster add c4=" + c4.address)
	if err := leader.replica.Add(replica.Member{Name: "c4", Address: c4.address}); err != nil {
		t.Fatal(err)
	}
	c4.says("c4 is a learner")
	eventually(t, "it is enrolled, and has what is decided", func() bool {
		return len(leader.replica.State().Enrolled) == 4 && c4.Status().Kept == 1
	})
	if err := leader.replica.Promote("c4"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it takes part", func() bool { return c4.Ready() == nil })
	out, err := leader.client.Status(context1(t), &wirepb.StatusRequest{})
	if s := out.GetStatus(); err != nil || s.GetLeader() != leader.options.Name || s.GetTerm() == 0 || len(s.GetCoordinators()) != 4 {
		t.Errorf("the leader says %v, error %v", s, err)
	}
	if err := leader.replica.Remove("c4"); err != nil {
		t.Fatal(err)
	}
	c4.says("c4 was removed from the cluster: stop it")
	lost := c.but(leader)[0]
	c.kill(lost)
	lost.options.Directory = t.TempDir()
	c.raise(lost)
	lost.says(lost.options.Name + " came back with another data directory")
	if err := leader.Ready(); err != nil {
		t.Errorf("the leader says %v", err)
	}
}
