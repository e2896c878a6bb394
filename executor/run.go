package executor

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/lockstep-exec/lockstep/protocol"
)

// run is one execution of a sub-block on one shard. It is driven from outside:
// start, then perform for every task that comes out as ready, and deliver for
// every batch of values that comes in, in any order and from any number of
// goroutines, until done. The result never depends on that order.
type run struct {
	attempt protocol.AttemptID
	graph   *graph
	machine Machine
	limits  protocol.Limits

	base     []value        // by key: before the block
	versions []value        // by version: final once its task is done
	depends  []atomic.Int32 // by task: tasks to be done before
	wait     []atomic.Int32 // by task: values to come from elsewhere, plus 1 until depends is 0
	outcome  []string       // by task; "" for those not executed here
	undone   atomic.Int32   // tasks
	failure  atomic.Pointer[protocol.Refusal]

	// remoteMu guards what comes from other shards. A task reads its own
	// remote values after its wait count has reached 0, which orders the two.
	remoteMu sync.Mutex
	remote   []remoteValue // by the key of an access that is not local
	missing  []int         // by shard: values still to come
	taken    []int         // by shard: bytes of the values that came, as packed
	most     int           // of them that a shard may push
	noted    []arrival     // of the batch that is being delivered
}

// value is what a key holds; present is false if it is absent.
type value struct {
	bytes   []byte
	present bool
}

type remoteValue struct {
	value
	came bool
}

// arrival is a value that has come: the task that waits for it, and its place
// among the remote values.
type arrival struct{ task, key int32 }

// pushes collects values for peers, packed, until they are flushed.
type pushes [][]byte // by shard

// newRun makes a run that takes most bytes of values from each of the shards.
func newRun(attempt protocol.AttemptID, g *graph, m Machine, limits protocol.Limits, shards, most int) *run {
	r := &run{
		attempt: attempt, graph: g, machine: m, limits: limits,
		versions: make([]value, g.versions),
		depends:  make([]atomic.Int32, len(g.tasks)), wait: make([]atomic.Int32, len(g.tasks)),
		outcome: make([]string, len(g.tasks)),
		remote:  make([]remoteValue, g.remote), missing: make([]int, shards), taken: make([]int, shards), most: most,
	}
	for i := range g.tasks {
		t := &g.tasks[i]
		r.depends[i].Store(t.depends)
		r.wait[i].Store(t.remote + 1)
		if t.remote > 0 {
			r.countMissing(t)
		}
	}
	r.undone.Store(int32(len(g.tasks)))
	return r
}

func (r *run) countMissing(t *task) {
	for _, a := range r.graph.of(t) {
		if !a.local && a.key != none {
			r.missing[a.owner]++
		}
	}
}

// start takes the values before the block, by key, and gives the tasks that
// are ready at once.
func (r *run) start(base []value, out pushes) (ready []int32) {
	r.base = base
	for i := range r.graph.tasks {
		if r.graph.tasks[i].depends == 0 {
			ready = r.supply(int32(i), out, ready)
		}
	}
	return ready
}

// supply follows when the predecessors of a task are done: the values it reads
// here are final, and go to the other shards that execute it.
func (r *run) supply(id int32, out pushes, ready []int32) []int32 {
	t := &r.graph.tasks[id]
	if len(t.pushTo) > 0 {
		r.push(t, r.graph.byIndex[id], out)
	}
	if !t.executes {
		return r.finish(id, out, ready)
	}
	if r.wait[id].Add(-1) == 0 {
		ready = append(ready, id)
	}
	return ready
}

func (r *run) push(t *task, index uint32, out pushes) {
	for i, a := range r.graph.of(t) {
		if !a.local || !t.transaction.Access[i].Mode.Reads() {
			continue
		}
		v := r.before(a)
		for _, shard := range t.pushTo {
			out[shard] = appendValue(out[shard], index, i, v.bytes, v.present)
		}
	}
}

func (r *run) before(a access) value {
	if a.before == base {
		return r.base[a.key]
	}
	return r.versions[a.before]
}

// perform executes a ready task, and appends the tasks that become ready.
func (r *run) perform(id int32, tx *Tx, out pushes, ready []int32) []int32 {
	t := &r.graph.tasks[id]
	accesses := r.graph.of(t)
	tx.Reset(*t.transaction)
	for i, a := range accesses {
		switch {
		case a.local:
			v := r.before(a)
			tx.SetInput(i, v.bytes, v.present)
		case a.key != none:
			v := r.remote[a.key]
			tx.SetInput(i, v.bytes, v.present)
		}
	}
	outcome, err := Run(r.machine, tx)
	if err != nil {
		r.fail(protocol.Refusal{Reason: fmt.Sprintf("transaction %d: %v", r.graph.byIndex[id], err), Cause: protocol.CauseMachine})
		return ready
	}
	r.outcome[id] = outcome
	for i, a := range accesses {
		if a.after == none {
			continue
		}
		v, wrote := tx.written(i)
		if !wrote {
			v = r.before(a)
		}
		r.versions[a.after] = v
	}
	return r.finish(id, out, ready)
}

// finish releases the tasks that waited for this one.
func (r *run) finish(id int32, out pushes, ready []int32) []int32 {
	for _, next := range r.graph.tasks[id].dependents {
		if r.depends[next].Add(-1) == 0 {
			ready = r.supply(next, out, ready)
		}
	}
	r.undone.Add(-1)
	return ready
}

// deliver takes values that a peer pushed for this attempt, and gives the
// tasks that become ready. Values that came before are dropped. An error means
// that the peer sent what it does not own, more than it can have prepared, or
// nonsense; nothing of the batch is taken then.
//
// The values stay where they are if the batch holds nothing else, which is how
// an honest peer sends them. Else they are copied, so that what is kept for an
// attempt is never more than its values.
func (r *run) deliver(from protocol.ShardID, values []byte) (ready []int32, err error) {
	r.remoteMu.Lock()
	defer r.remoteMu.Unlock()
	news, err := r.note(from, values)
	if err == nil && r.taken[from]+news > r.most {
		err = fmt.Errorf("shard %d pushed more than %d bytes of values, which no shard can have prepared", from, r.most)
	}
	if err != nil {
		for _, n := range r.noted {
			r.remote[n.key] = remoteValue{}
		}
		return nil, err
	}
	if news < len(values) {
		r.detach()
	}
	r.taken[from] += news
	for _, n := range r.noted {
		r.missing[from]--
		if r.wait[n.task].Add(-1) == 0 {
			ready = append(ready, n.task)
		}
	}
	return ready, nil
}

// note puts what is new in a batch into its place, and gives its length there.
// No task sees it before its wait count says that it has come.
func (r *run) note(from protocol.ShardID, values []byte) (news int, err error) {
	r.noted = r.noted[:0]
	err = eachValue(values, func(index uint32, key int, b []byte, present bool) error {
		id, at, err := r.owed(from, index, key)
		if err != nil {
			return err
		}
		if len(b) > r.limits.ValueBytes {
			return fmt.Errorf("shard %d pushed a value of %d bytes for key %d of transaction %d, the most is %d", from, len(b), key, index, r.limits.ValueBytes)
		}
		if r.remote[at.key].came {
			return nil
		}
		r.remote[at.key] = remoteValue{value: value{bytes: b, present: present}, came: true}
		r.noted = append(r.noted, arrival{task: int32(id), key: at.key})
		news += valueHead + len(b)
		return nil
	})
	return news, err
}

// owed finds the access that a value of a peer is for.
func (r *run) owed(from protocol.ShardID, index uint32, key int) (id int, at *access, err error) {
	id, ok := r.graph.find(index)
	if !ok || key >= len(r.graph.tasks[id].transaction.Access) {
		return 0, nil, fmt.Errorf("shard %d pushed key %d of transaction %d, which is not executed here", from, key, index)
	}
	at = &r.graph.of(&r.graph.tasks[id])[key]
	if at.owner != from || at.local || at.key == none {
		return 0, nil, fmt.Errorf("shard %d pushed key %d of transaction %d, which is not its to push", from, key, index)
	}
	return id, at, nil
}

// detach copies what was noted out of its batch.
func (r *run) detach() {
	size := 0
	for _, n := range r.noted {
		size += len(r.remote[n.key].bytes)
	}
	own := make([]byte, 0, size)
	for _, n := range r.noted {
		v, at := &r.remote[n.key], len(own)
		own = append(own, v.bytes...)
		v.bytes = own[at:len(own):len(own)]
	}
}

// waitsFor lists the shards that owe values.
func (r *run) waitsFor() (shards []protocol.ShardID) {
	r.remoteMu.Lock()
	defer r.remoteMu.Unlock()
	for s, n := range r.missing {
		if n > 0 {
			shards = append(shards, protocol.ShardID(s))
		}
	}
	return shards
}

// fail ends the run; the first failure counts.
func (r *run) fail(why protocol.Refusal) { r.failure.CompareAndSwap(nil, &why) }

// over reports whether there is nothing left to do.
func (r *run) over() bool { return r.undone.Load() == 0 || r.failure.Load() != nil }
