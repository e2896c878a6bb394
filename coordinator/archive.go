package coordinator

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/wal"
)

const (
	keepInterval = 200 * time.Millisecond // how often new decisions go to the history
	keepBatch    = 4096                   // most decisions in one transaction of it
)

// archive holds everything that was decided: the newest in memory, until they
// are durable in the history, and the rest there. It is safe for concurrent
// use.
type archive struct {
	history *history.History

	mu      sync.RWMutex
	recent  []*protocol.Decision // above the history's height, ascending
	byKey   map[string]*protocol.Decision
	changed chan struct{} // closed and replaced at every decision
}

func newArchive(h *history.History, recovered []*protocol.Decision) *archive {
	a := &archive{history: h, byKey: map[string]*protocol.Decision{}, changed: make(chan struct{})}
	a.add(recovered)
	return a
}

func (a *archive) add(ds []*protocol.Decision) {
	for _, d := range ds {
		a.recent = append(a.recent, d)
		a.byKey[d.Key] = d
	}
}

// Decided implements Decisions.
func (a *archive) Decided(ds []*protocol.Decision) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.add(ds)
	close(a.changed)
	a.changed = make(chan struct{})
}

// height is the newest decided height, and a channel that is closed when there
// is a newer one.
func (a *archive) height() (protocol.Height, <-chan struct{}) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if n := len(a.recent); n > 0 {
		return a.recent[n-1].Height(), a.changed
	}
	return a.history.Height(), a.changed
}

// byHeight gives a decision; ok is false if the height is not decided.
func (a *archive) byHeight(h protocol.Height) (d *protocol.Decision, ok bool, err error) {
	a.mu.RLock()
	if n := len(a.recent); n > 0 && h >= a.recent[0].Height() {
		defer a.mu.RUnlock()
		if i := int(h - a.recent[0].Height()); i < n {
			return a.recent[i], true, nil
		}
		return nil, false, nil
	}
	a.mu.RUnlock()
	return a.history.ByHeight(h)
}

// find looks a key up among all decisions.
func (a *archive) find(key string) (d *protocol.Decision, ok bool, err error) {
	a.mu.RLock()
	d, ok = a.byKey[key]
	a.mu.RUnlock()
	if ok {
		return d, true, nil
	}
	return a.history.ByKey(key)
}

// waiting copies decisions that the history lacks, at most a batch.
func (a *archive) waiting() []*protocol.Decision {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return append([]*protocol.Decision(nil), a.recent[:min(len(a.recent), keepBatch)]...)
}

// kept forgets decisions that the history holds now.
func (a *archive) kept(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, d := range a.recent[:n] {
		delete(a.byKey, d.Key)
	}
	a.recent = append([]*protocol.Decision(nil), a.recent[n:]...)
}

// keeper moves decisions into the history, and trims the log behind them.
type keeper struct {
	archive   *archive
	positions *Positions
	log       DecisionLog
	config    protocol.Config
	logID     [16]byte
	retain    protocol.Height        // heights whose bodies stay in the log
	lowest    func() protocol.Height // lowest height a resync may ask for
	told      func(protocol.Height)  // the history is durable up to here
}

// run works until ctx ends, or until the history or the log fails.
func (k *keeper) run(ctx context.Context) error {
	tick := time.NewTicker(keepInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := k.keep(); err != nil {
			return err
		}
	}
}

// keep moves what waits. The decisions are forced already: nothing is decided
// before its record is durable.
func (k *keeper) keep() error {
	for {
		batch := k.archive.waiting()
		if len(batch) == 0 {
			return nil
		}
		newest := batch[len(batch)-1].Height()
		meta := k.meta(newest)
		err := k.archive.history.Append(meta, batch)
		if errors.Is(err, history.ErrNoSpace) {
			return nil // tried again soon; the log holds them until then
		}
		if err != nil {
			return fmt.Errorf("keep decisions in the history: %w", err)
		}
		k.archive.kept(len(batch))
		k.told(newest)
		if err := k.log.Trim(meta.Log.Keep); err != nil && !errors.Is(err, wal.ErrNoSpace) {
			return fmt.Errorf("trim the log: %w", err)
		}
	}
}

// meta tells what a restart needs besides the decisions. The log is needed
// from the lowest height that a resync may ask for, that is not kept longer as
// configured, or that the history will not hold yet.
func (k *keeper) meta(newest protocol.Height) history.Meta {
	_, durable := k.log.Position()
	lowest := min(k.lowest(), newest+1)
	if lowest > k.retain {
		lowest -= k.retain
	} else {
		lowest = 0
	}
	position := history.LogPosition{ID: k.logID, Keep: k.positions.keep(lowest, durable+1), Forced: durable}
	// Read last, so that no record before Keep is missing in it.
	epoch, joined := k.positions.standing()
	return history.Meta{Config: k.config, Epoch: epoch, Joined: joined, Log: position}
}
