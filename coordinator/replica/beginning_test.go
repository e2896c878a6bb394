package replica

import (
	"context"
	"errors"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/protocol"
)

var errPower = errors.New("the power fails")

// unborn is a log that a crash keeps from its first entry.
type unborn struct{ raft.LogStore }

func (unborn) StoreLog(*raft.Log) error { return errPower }

// TestABeginningThatACrashInterruptedIsFinished: raft has noted the first term, and
// the list of members is not in the log yet.
func TestABeginningThatACrashInterruptedIsFinished(t *testing.T) {
	o := Options{Directory: t.TempDir(), Timing: quick}
	o.Stores = func(o Options, h *History) (Stores, error) {
		s, err := openStores(o, h)
		s.Log = unborn{s.Log}
		return s, err
	}
	if _, err := Open(o); err == nil {
		t.Fatal("it opens without a list of members")
	}
	o.Stores = nil
	for start := range 2 {
		r, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		if _, err := r.Lead(ctx); err != nil {
			t.Errorf("start %d: it is %s, and leads nobody: %v", start+1, r.Status().Role, err)
		}
		cancel()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestStrangersAreNotRemembered: whoever calls, only the directories of members are
// noted.
func TestStrangersAreNotRemembered(t *testing.T) {
	g := newGroup(t, "c1", "c2")
	r, l := g.leads()
	must(t, l.Log, newChain(t, l.State).claim()...)
	eventually(t, "all are enrolled", func() bool { return len(r.State().Enrolled) == 2 })
	for i := range 10_000 {
		r.meet("stranger"+string(rune('0'+i%10))+string(rune('a'+i%26))+string(rune(0x4e00+i)), protocol.DirectoryID{1})
	}
	r.mu.Lock()
	met := len(r.met)
	r.mu.Unlock()
	if met > 2 {
		t.Errorf("%d names are remembered of 2 members", met)
	}
}
