package sim

import (
	"time"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/state"
)

// design draws what the world is like. Everything is drawn, whatever the
// options say, so that they shift nothing else.
func (w *world) design() {
	d, o := w.drawn, w.options
	shards := one(d, []int{1, 2, 2, 3, 3, 3, 4, 5})
	w.limit = d.between(200, 3500)
	w.blocks = d.between(4, 60)
	w.rate = one(d, []int{0, 20, 50, 100, 100, 200, 400})
	kinds := w.kindsOf(d)
	w.fileLogs = d.percent(7)
	w.skewed = d.percent(50)
	w.mostEvents = one(d, []int{1, 2, 4, 16, 256})
	w.inboxEvents = one(d, []int{1, 4, 32, 1 << 16, 1 << 16})
	w.queueMessages = one(d, []int{6, 12, 40, 1 << 16, 1 << 16})
	w.pause = d.wait(5*time.Millisecond, 100*time.Millisecond)
	w.hurried, w.patience = 50, 6*time.Second
	w.tickEvery = d.wait(20*time.Millisecond, 200*time.Millisecond)
	w.lookEvery = d.wait(20*time.Millisecond, 500*time.Millisecond)
	w.confirmEvery = d.wait(time.Second, 4*time.Second)
	w.trimBytes = one(d, []int64{1, 500, 2000, 1 << 30})
	_ = one(d, []int{0, 0, 1, 5, 64})
	w.again = d.percent(25)
	w.runner = w.runnerOf(d)
	w.checkpoint = state.Policy{
		MaxBytes: one(d, []int64{1, 2000, 0}), MaxAge: d.wait(time.Millisecond, time.Second),
		HoldBack: one(d, []int{-1, 1, 3, 16}), IdleAfter: d.wait(10*time.Millisecond, 600*time.Millisecond),
		RetryAfter: d.wait(10*time.Millisecond, time.Second),
	}
	w.protocol = protocol.CoordinatorOptions{Window: one(d, []int{1, 2, 3, 8}), QueueBlocks: one(d, []int{2, 8, 64, 64}), QueueBytes: one(d, []int64{int64(d.between(200, 3000)), 3000, 1 << 20, 1 << 20})}
	for i := range w.weights {
		w.weights[i] = weights[i] * one(d, []int{1, 4, 4, 4, 20})
	}
	cluster := protocol.ClusterID{}
	d.fill(cluster[:])
	if o.Shards > 0 {
		shards = o.Shards
	}
	if o.Steps > 0 {
		w.limit = o.Steps
	}
	if o.Blocks > 0 {
		w.blocks = o.Blocks
	}
	for _, f := range kinds {
		if !o.Without.Has(f) {
			w.kinds = append(w.kinds, f)
		}
	}
	if o.FileLogs != Drawn {
		w.fileLogs = o.FileLogs == Always
	}
	w.config = protocol.Config{Cluster: cluster, Slots: protocol.EvenSlots(shards), Limits: limits()}
}

// kindsOf draws which kinds of faults there are: mostly some, so that each
// comes often enough.
func (w *world) kindsOf(d chooser) (kinds []Fault) {
	share := one(d, []int{15, 40, 70, 100})
	for f := range numFaults {
		if d.percent(share) {
			kinds = append(kinds, f)
		}
	}
	return kinds
}

func (w *world) runnerOf(d chooser) executor.RunnerOptions {
	o := executor.RunnerOptions{
		Workers: d.between(1, 3), TakeTasks: 1, PeerTimeout: d.wait(500*time.Millisecond, 3*time.Second), StallTimeout: d.wait(2*time.Second, 20*time.Second),
		EarlyBytes: one(d, []int64{300, 2000, 1 << 20}), BacklogBytes: one(d, []int64{1, 4000, 1 << 20, 1 << 20}),
	}
	o.PieceTasks = one(d, []int{0, 1, 1, 2})
	if d.percent(15) {
		o.ResultBytes = one(d, []int{d.between(300, 1500), d.between(60, 600)})
	}
	return o
}
