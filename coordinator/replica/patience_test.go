package replica

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/protocol"
)

// brake is a log store on disk whose writes can be made to hang.
type brake struct {
	raft.LogStore
	mu      sync.Mutex
	hangs   chan struct{} // nil while it does not
	waiting int
}

func (b *brake) IsMonotonic() bool { return true }

func (b *brake) StoreLogs(entries []*raft.Log) error {
	b.mu.Lock()
	hangs := b.hangs
	if hangs != nil {
		b.waiting++
	}
	b.mu.Unlock()
	if hangs != nil {
		<-hangs
	}
	return b.LogStore.StoreLogs(entries)
}

func (b *brake) hang() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hangs = make(chan struct{})
}

func (b *brake) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.hangs != nil {
		close(b.hangs)
		b.hangs = nil
	}
}

func (b *brake) waits() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waiting > 0
}

// braked is a group on disks that can hang.
func braked(t *testing.T, patience time.Duration, names ...string) (*group, map[string]*brake) {
	g := newGroupOn(t, true, names...)
	brakes := map[string]*brake{}
	for _, name := range names {
		g.stop(name)
	}
	for _, name := range names {
		o, b := g.options[name], &brake{}
		brakes[name], o.DiskPatience = b, patience
		o.Stores = func(o Options, h *History) (Stores, error) {
			s, err := openStores(o, h)
			b.LogStore, s.Log = s.Log, b
			return s, err
		}
		g.options[name] = o
		g.start(name, nil, false)
	}
	t.Cleanup(func() {
		for _, b := range brakes {
			b.release()
		}
	})
	return g, brakes
}

// TestALeaderWhoseDiskHangsGivesUp: another one leads, within 10 s by default, and
// that the write is finished after all does no harm.
func TestALeaderWhoseDiskHangsGivesUp(t *testing.T) {
	t.Parallel() // it waits more than it works
	g, brakes := braked(t, 0, "c1", "c2", "c3")
	old, l := g.leads()
	name := old.options.Name
	c := newChain(t, l.State)
	must(t, l.Log, c.claim()...)
	c.commits(l.Log, "a")
	brakes[name].hang()
	lost := make(chan error, 1)
	go func() { lost <- l.Log.Append([]protocol.Record{c.propose("maybe")}, true) }()
	began := time.Now()
	newer, m := g.leads(g.but(name)...)
	took := time.Since(began)
	t.Logf("another one leads after %v", took)
	if took > 10*time.Second || took < 4*time.Second {
		t.Errorf("another one leads after %v", took)
	}
	if err := <-lost; !errors.Is(err, ErrHung) || errors.Is(err, ErrFenced) {
		t.Errorf("the old one was told %v", err)
	}
	<-old.Hung()
	if err := old.Err(); !errors.Is(err, ErrHung) {
		t.Errorf("it fails with %v", err)
	}
	d := newChain(t, m.State)
	must(t, m.Log, d.claim()...)
	d.commits(m.Log, "b")
	closing := time.Now()
	g.stop(name) // with the write still under way
	if took := time.Since(closing); took > time.Second {
		t.Errorf("it closes within %v", took)
	}
	if !brakes[name].waits() {
		t.Error("the write was not under way")
	}
	brakes[name].release()
	<-old.closed
	g.start(name, nil, false)
	eventually(t, "it has what the others decided", func() bool {
		s := g.replicas[name].State()
		return s.Height() == 2 && s.Decided.Key == "b" && s.Mark == newer.State().Mark
	})
}

// TestADiskThatHangsWhereNobodyElseWouldLead: a follower, and one that is alone, wait
// for it and go on.
func TestADiskThatHangsWhereNobodyElseWouldLead(t *testing.T) {
	for _, names := range [][]string{{"c1"}, {"c1", "c2", "c3"}} {
		g, brakes := braked(t, 200*time.Millisecond, names...)
		r, l := g.leads()
		c := newChain(t, l.State)
		must(t, l.Log, c.claim()...)
		slow := r
		if len(names) > 1 {
			slow = g.replicas[g.but(r.options.Name)[0]]
		}
		b := brakes[slow.options.Name]
		b.hang()
		done := make(chan error, 1)
		go func() { done <- l.Log.Append([]protocol.Record{c.propose("a")}, true) }()
		eventually(t, "it says that its disk hangs", func() bool { return slow.Stalled() != "" })
		if other := g.replicas[r.options.Name]; other != slow && other.Stalled() != "" {
			t.Errorf("the leader says %q", other.Stalled())
		}
		if slow.Err() != nil {
			t.Errorf("it gives up: %v", slow.Err())
		}
		b.release()
		if err := <-done; err != nil {
			t.Error(err)
		}
		eventually(t, "it is well again", func() bool { return slow.Stalled() == "" })
		must(t, l.Log, c.decide())
		eventually(t, "it goes on", func() bool { s := slow.State(); return s.Height() == 1 })
	}
}

// TestAClosingReplicaDoesNotWaitForADiskThatHangs, whatever its part.
func TestAClosingReplicaDoesNotWaitForADiskThatHangs(t *testing.T) {
	g, brakes := braked(t, time.Hour, "c1")
	r, l := g.leads()
	c := newChain(t, l.State)
	must(t, l.Log, c.claim()...)
	brakes["c1"].hang()
	lost := make(chan error, 1)
	go func() { lost <- l.Log.Append([]protocol.Record{c.propose("a")}, true) }()
	eventually(t, "the write is under way", brakes["c1"].waits)
	began := time.Now()
	g.stop("c1")
	if took := time.Since(began); took > 2*stopPatience {
		t.Errorf("it closes within %v", took)
	}
	if err := <-lost; !errors.Is(err, ErrHung) {
		t.Errorf("the append was told %v", err)
	}
	brakes["c1"].release()
	<-r.closed
}

func TestALargeWriteMayTakeLonger(t *testing.T) {
	var d disk
	end := d.begin(1 << 30)
	if d.overdue(0) != 0 {
		t.Error("a large write is overdue at once")
	}
	defer d.begin(0)()
	eventually(t, "a small one is overdue", func() bool { return d.overdue(time.Millisecond) > 0 })
	end()
}

// noting is a history that looks which write is noted while it is appended to.
type noting struct {
	shelf
	disk  *disk
	noted []write
}

func (n *noting) Append(meta history.Meta, ds []*protocol.Decision) error {
	for _, w := range n.disk.underWay {
		n.noted = append(n.noted, w)
	}
	return n.shelf.Append(meta, ds)
}

// TestAKeeperMayHaveMuchToDo: each of its writes may take its time, and nothing is
// under way when it is done.
func TestAKeeperMayHaveMuchToDo(t *testing.T) {
	var s State
	for h := range protocol.Height(3 * keepBatch) {
		s.Decided = &protocol.Decision{Attempt: protocol.AttemptID{Height: h + 1}, Key: "a key of some length"}
		s.Recent = append(s.Recent, s.Decided)
	}
	var d disk
	n := &noting{disk: &d}
	if err := NewMachine(s, 1).Keep(watchedKeeping{n, &d}); err != nil {
		t.Fatal(err)
	}
	if len(n.noted) != 3 || len(d.underWay) != 0 {
		t.Fatalf("%d of 3 writes are noted, %d are under way in the end", len(n.noted), len(d.underWay))
	}
	for i, w := range n.noted {
		if w.extra == 0 || i > 0 && !w.since.After(n.noted[i-1].since) {
			t.Errorf("write %d began %v after the first, and may take %v longer for its bytes", i+1, w.since.Sub(n.noted[0].since), w.extra)
		}
	}
}

// TestAProcessThatStoodStillHasNoDiskThatHangs: its writes have lasted as long, and
// end as soon as it goes on.
func TestAProcessThatStoodStillHasNoDiskThatHangs(t *testing.T) {
	var d disk
	stoodStill := func() (end func()) {
		end = d.begin(0)
		w := d.underWay[d.last]
		w.since = w.since.Add(-time.Hour)
		d.underWay[d.last] = w
		return end
	}
	for range 3 {
		end := stoodStill()
		if lasts := d.hangs(time.Second); lasts != 0 {
			t.Errorf("at the first look it hangs since %v", lasts)
		}
		end()
	}
	defer stoodStill()()
	d.hangs(time.Second)
	if lasts := d.hangs(time.Second); lasts < time.Hour {
		t.Errorf("at the second look it hangs since %v", lasts)
	}
}
