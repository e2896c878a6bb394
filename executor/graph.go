package executor

import (
	"slices"

	"github.com/lockstep-exec/lockstep/protocol"
)

// graph is the conflict graph of a sub-block on one shard, derived from the
// access lists alone. Every edge points back in block order, so there are no
// cycles; what comes out never depends on the order in which ready tasks run.
//
// Writes make versions: a task that may write a key makes a new version of it,
// which holds the value after the task whether or not it wrote. A reader is
// bound to the version before it, so a later writer never disturbs it and
// only real dependencies wait.
type graph struct {
	tasks    []task
	accesses []access // of all tasks, one after the other
	versions int      // versions made by tasks
	remote   int      // values that must come from other shards
	keys     []localKey
	byIndex  []uint32 // place in the block of each task, ascending
}

// task is one transaction on this shard.
type task struct {
	transaction *protocol.Transaction
	first       int32 // its accesses are accesses[first : first+len(transaction.Access)]
	executes    bool  // this shard owns one of its write keys, or it has none and the first key is here
	remote      int32 // values that must come from other shards
	depends     int32 // tasks that must be done before
	dependents  []int32
	pushTo      []protocol.ShardID // other shards that execute it
}

// access binds one entry of an access list to a value.
type access struct {
	owner  protocol.ShardID
	local  bool
	key    int32 // index into keys if local, else into the values that must come, or none
	before int32 // version read: index, or base for the value before the block
	after  int32 // version made, or none
}

const (
	base = -1 // the value before the block
	none = -2 // no version, no key
)

// localKey is a key of this shard that the sub-block touches.
type localKey struct {
	key  []byte
	last int32 // version after the block, or base
}

func (g *graph) of(t *task) []access {
	return g.accesses[t.first : int(t.first)+len(t.transaction.Access)]
}

// find gives the task of a transaction by its place in the block.
func (g *graph) find(index uint32) (int, bool) { return slices.BinarySearch(g.byIndex, index) }

// newGraph derives the graph of a sub-block as seen by one shard. It keeps the
// sub-block.
func newGraph(sub protocol.SubBlock, slots protocol.SlotTable, self protocol.ShardID) *graph {
	total := 0
	for i := range sub {
		total += len(sub[i].Access)
	}
	b := graphBuilder{
		graph: &graph{
			tasks: make([]task, len(sub)), accesses: make([]access, 0, total), byIndex: make([]uint32, len(sub)),
		},
		slots: slots, self: self,
	}
	local := 0
	for i := range sub {
		b.byIndex[i] = sub[i].Index
		local += b.own(&b.tasks[i], &sub[i].Transaction)
	}
	b.keys, b.writer, b.index = make([]localKey, 0, local), make([]int32, 0, local), newKeyIndex(local)
	for i := range b.tasks {
		b.add(int32(i))
	}
	return b.graph
}

type graphBuilder struct {
	*graph
	slots  protocol.SlotTable
	self   protocol.ShardID
	index  keyIndex
	writer []int32            // by version: the task that makes it
	pushTo []protocol.ShardID // of tasks, one after the other
}

// own finds who owns the keys of a task, and gives the number of those here.
func (b *graphBuilder) own(t *task, of *protocol.Transaction) (local int) {
	t.transaction, t.first = of, int32(len(b.accesses))
	for _, a := range of.Access {
		owner := b.slots.Owner(a.Key)
		b.accesses = append(b.accesses, access{owner: owner, local: owner == b.self, key: none, after: none})
		if owner == b.self {
			local++
		}
	}
	return local
}

func (b *graphBuilder) add(id int32) {
	t := &b.tasks[id]
	b.roles(t)
	accesses := b.of(t)
	for i, a := range t.transaction.Access {
		if at := &accesses[i]; at.local {
			b.bind(id, t, at, a)
		} else if t.executes && a.Mode.Reads() {
			at.key = int32(b.remote)
			b.remote++
			t.remote++
		}
	}
}

// roles finds the shards that execute the transaction, this one among them or not.
func (b *graphBuilder) roles(t *task) {
	from, owns := len(b.pushTo), b.of(t)
	writes := false
	for i, a := range t.transaction.Access {
		if a.Mode.Writes() {
			writes = true
			b.role(t, owns[i].owner, from)
		}
	}
	if !writes {
		b.role(t, owns[0].owner, from)
	}
	t.pushTo = b.pushTo[from:len(b.pushTo):len(b.pushTo)]
}

func (b *graphBuilder) role(t *task, executor protocol.ShardID, from int) {
	switch {
	case executor == b.self:
		t.executes = true
	case !slices.Contains(b.pushTo[from:], executor):
		b.pushTo = append(b.pushTo, executor)
	}
}

// bind ties an access of a local key to the version before it. A write waits
// for that version too: it is the value after the task if the task fails.
func (b *graphBuilder) bind(id int32, t *task, at *access, a protocol.Access) {
	k := b.index.find(a.Key, b.keys)
	if int(k) == len(b.keys) {
		b.keys = append(b.keys, localKey{key: a.Key, last: base})
	}
	key := &b.keys[k]
	at.key, at.before = k, key.last
	if at.before != base {
		b.edge(b.writer[at.before], id, t)
	}
	if a.Mode.Writes() {
		at.after = int32(b.versions)
		b.versions++
		b.writer = append(b.writer, id)
		key.last = at.after
	}
}

// edge makes task id wait for task from, once.
func (b *graphBuilder) edge(from, id int32, t *task) {
	before := &b.tasks[from]
	if n := len(before.dependents); n > 0 && before.dependents[n-1] == id {
		return
	}
	before.dependents = append(before.dependents, id)
	t.depends++
}
