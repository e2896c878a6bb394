package replica

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/outage"
)

const (
	// stopPatience is how long the disk is waited for when the replica closes.
	stopPatience = 2 * time.Second
	// patientBytes is how many bytes a write may have for each further second that it
	// is waited for: blocks are large, and disks slow.
	patientBytes = 16 << 20
	// mostDiskLook is the most between two looks at the writes under way.
	mostDiskLook = 250 * time.Millisecond
)

// ErrHung says that the disk did not finish a write in time. What became of it is
// unknown.
var ErrHung = errors.New("the disk hangs")

// disk notes which writes are under way. It is safe for concurrent use.
type disk struct {
	mu       sync.Mutex
	last     uint64
	underWay map[uint64]write
}

type write struct {
	since time.Time
	extra time.Duration // that it may take, for its bytes
	late  bool          // it was overdue when somebody looked
}

// begin notes a write of so many bytes; the caller calls end when it has returned.
func (d *disk) begin(bytes int) (end func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.underWay == nil {
		d.underWay = map[uint64]write{}
	}
	d.last++
	id := d.last
	d.underWay[id] = write{since: time.Now(), extra: time.Duration(bytes) * (time.Second / patientBytes)}
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.underWay, id)
	}
}

// overdue is for how long the write lasts that should have ended first, if that is
// longer than patience and what its bytes may take; else 0.
func (d *disk) overdue(patience time.Duration) (lasts time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, w := range d.underWay {
		if took := time.Since(w.since); took > patience+w.extra {
			lasts = max(lasts, took)
		}
	}
	return lasts
}

// hangs is overdue for one who looks again and again: a write counts when it was
// overdue at an earlier look too. If the process stood still, every write that was
// under way has lasted as long, and ends as soon as the process goes on.
func (d *disk) hangs(patience time.Duration) (lasts time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, w := range d.underWay {
		took := time.Since(w.since)
		switch late := took > patience+w.extra; {
		case late && w.late:
			lasts = max(lasts, took)
		case late:
			w.late = true
			d.underWay[id] = w
		}
	}
	return lasts
}

// noted notes a write of unknown length while it lasts.
func (d *disk) noted(do func() error) error {
	defer d.begin(0)()
	return do()
}

// Watched does something with the disk of the data directory; while it lasts too long,
// the disk counts as one that hangs.
func (r *Replica) Watched(do func() error) error { return r.disk.noted(do) }

// watchedLog is a log store whose writes are noted.
type watchedLog struct {
	raft.LogStore
	disk *disk
}

// StoreLog implements raft.LogStore.
func (w watchedLog) StoreLog(entry *raft.Log) error { return w.StoreLogs([]*raft.Log{entry}) }

// StoreLogs implements raft.LogStore.
func (w watchedLog) StoreLogs(entries []*raft.Log) error {
	bytes := 0
	for _, e := range entries {
		bytes += len(e.Data)
	}
	defer w.disk.begin(bytes)()
	return w.LogStore.StoreLogs(entries)
}

// DeleteRange implements raft.LogStore.
func (w watchedLog) DeleteRange(first, last uint64) error {
	return w.disk.noted(func() error { return w.LogStore.DeleteRange(first, last) })
}

// IsMonotonic implements raft.MonotonicLogStore.
func (w watchedLog) IsMonotonic() bool {
	inner, ok := w.LogStore.(raft.MonotonicLogStore)
	return ok && inner.IsMonotonic()
}

// watchedStable is a store of votes and terms whose writes are noted.
type watchedStable struct {
	raft.StableStore
	disk *disk
	lost func(error) // that a term could not be stored
}

// Set implements raft.StableStore.
func (w watchedStable) Set(key, value []byte) error {
	return w.disk.noted(func() error { return w.StableStore.Set(key, value) })
}

// SetUint64 implements raft.StableStore. A vote that cannot be stored is not given. For a
// term that cannot be stored raft knows nothing but a panic of the process, in whatever
// goroutine it finds it: that one ends here instead, and the replica gives up. What
// waits for raft may never be answered then, as when the disk hangs.
func (w watchedStable) SetUint64(key []byte, value uint64) error {
	err := w.disk.noted(func() error { return w.StableStore.SetUint64(key, value) })
	if err != nil && bytes.Equal(key, termKey) {
		w.lost(err)
		runtime.Goexit()
	}
	return err
}

// watchedKeeping is a history whose writes are noted, each for itself: a keeper that
// has much to catch up with is not one whose disk hangs.
type watchedKeeping struct {
	Keeping
	disk *disk
}

// Append implements Keeping.
func (w watchedKeeping) Append(meta history.Meta, ds []*protocol.Decision) error {
	bytes := 0
	for _, d := range ds {
		bytes += protocol.RecordRoom(d)
	}
	defer w.disk.begin(bytes)()
	return w.Keeping.Append(meta, ds)
}

// Stalled says that a write has taken too long and is not finished; "" if none has.
func (r *Replica) Stalled() string {
	if lasts := r.disk.overdue(r.options.DiskPatience); lasts > 0 {
		return fmt.Sprintf("the disk of %s has not finished a write for %s: see to the disk", r.options.Name, lasts.Round(time.Second))
	}
	return ""
}

// watchDisk ends this replica when its disk hangs while it leads others, and
// nobody else can: raft beats the others' hearts without its disk, so they would
// follow it for ever. One that follows, or is alone, waits, and says so. One that
// closes gives up sooner.
func (r *Replica) watchDisk() {
	tick := time.NewTicker(min(r.options.DiskPatience/20, mostDiskLook))
	defer tick.Stop()
	trouble := outage.New(r.logger, time.Now)
	for {
		select {
		case <-tick.C:
		case <-r.closed:
			return
		}
		patience, ending := r.options.DiskPatience, r.isClosing()
		if ending {
			patience = min(patience, stopPatience)
		}
		lasts := r.disk.hangs(patience)
		if lasts > 0 && (ending || r.role() == RoleLeader && r.voters() > 1) {
			r.hang(lasts)
			return
		}
		if lasts > 0 {
			trouble.Warn("the disk hangs", "reason", r.Stalled())
		} else {
			trouble.Over("the disk has finished its writes")
		}
	}
}

// hang falls silent, so that the others elect somebody else, and ends all that waits
// for the disk. The write may still be finished: as after a crash, its entries
// count if others have them, and raft does nothing more here.
func (r *Replica) hang(lasts time.Duration) {
	err := r.fail(fmt.Errorf("%w: that of %s has not finished a write for %s, so it leads no more", ErrHung, r.options.Name, lasts.Round(time.Second)))
	r.logger.Error("gives up, so that another coordinator can lead", "reason", err)
	r.giveUp()
	if err := r.transport.Close(); err != nil {
		r.logger.Warn("could not close the connections to the other coordinators", "error", err)
	}
}

// giveUp ends all that waits for raft, which may never answer.
func (r *Replica) giveUp() {
	r.givingUp.Do(func() {
		r.mu.Lock()
		node := r.raft
		r.mu.Unlock()
		if node != nil { // else it is being made
			r.dying = node.Shutdown()
		}
		close(r.hung)
	})
}

// lost is what becomes of a replica whose term could not be stored.
func (r *Replica) lost(err error) {
	_ = r.fail(err) // whoever waits finds it
	r.giveUp()
}

// Hung is closed when this replica has given up, since its disk hangs or its term could
// not be stored. Whatever waits for the disk or raft may never return; the process
// should end.
func (r *Replica) Hung() <-chan struct{} { return r.hung }

func (r *Replica) isClosing() bool {
	select {
	case <-r.closing:
		return true
	default:
		return false
	}
}
