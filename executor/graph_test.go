package executor

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
)

// picture prints a graph: a line per task with its role, what it waits for,
// and whom it serves.
func picture(g *graph) string {
	var b strings.Builder
	for i := range g.tasks {
		t := &g.tasks[i]
		role := "supplies"
		if t.executes {
			role = "executes"
		}
		fmt.Fprintf(&b, "%d %s", g.byIndex[i], role)
		if t.depends > 0 {
			fmt.Fprintf(&b, " after %d", t.depends)
		}
		if t.remote > 0 {
			fmt.Fprintf(&b, " remote %d", t.remote)
		}
		if len(t.dependents) > 0 {
			fmt.Fprintf(&b, " before %v", t.dependents)
		}
		if len(t.pushTo) > 0 {
			fmt.Fprintf(&b, " pushes to %v", t.pushTo)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestGraphOfOneShard(t *testing.T) {
	c := testConfig(1)
	for name, test := range map[string]struct {
		block []protocol.Transaction
		want  string
	}{
		"readers of one version do not wait for each other": {
			[]protocol.Transaction{txn("a", "x:a"), txn("a", "r:a", "w:b"), txn("a", "r:a", "w:c")},
			"0 executes before [1 2]\n1 executes after 1\n2 executes after 1\n",
		},
		"a later writer does not disturb a reader": {
			[]protocol.Transaction{txn("a", "r:a", "w:b"), txn("a", "x:a")},
			"0 executes\n1 executes\n",
		},
		"a blind write waits for the version that stays if it fails": {
			[]protocol.Transaction{txn("a", "w:a"), txn("a", "w:a")},
			"0 executes before [1]\n1 executes after 1\n",
		},
		"two keys of one predecessor make one edge": {
			[]protocol.Transaction{txn("a", "w:a", "w:b"), txn("a", "x:a", "x:b")},
			"0 executes before [1]\n1 executes after 1\n",
		},
		"a transaction without writes is executed": {
			[]protocol.Transaction{txn("a", "r:a", "r:b")},
			"0 executes\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := picture(newGraph(subBlocks(test.block, c.Slots)[0], c.Slots, 0))
			if got != test.want {
				t.Errorf("got\n%swant\n%s", got, test.want)
			}
		})
	}
}

func TestGraphRolesAmongShards(t *testing.T) {
	c := testConfig(3)
	var on [3]string
	for s := range on {
		on[s] = keysOn(c.Slots, protocol.ShardID(s), 1)[0]
	}
	block := []protocol.Transaction{
		txn("a", "x:"+on[0], "x:"+on[1]),             // 0 and 1 execute, each pushes to the other
		txn("a", "r:"+on[0], "x:"+on[1], "w:"+on[2]), // 0 supplies 1 and 2
		txn("a", "r:"+on[0], "r:"+on[2]),             // the owner of the first key executes
	}
	// The last goes to whoever owns the smaller key.
	last := protocol.ShardID(0)
	if on[2] < on[0] {
		last = 2
	}
	g := newGraph(subBlocks(block, c.Slots)[0], c.Slots, 0)
	got := strings.Split(picture(g), "\n")
	if got[0] != "0 executes remote 1 before [1 2] pushes to [1]" {
		t.Error(got[0])
	}
	t1 := g.tasks[1]
	slices.Sort(t1.pushTo)
	if t1.executes || t1.remote != 0 || !slices.Equal(t1.pushTo, []protocol.ShardID{1, 2}) {
		t.Error(got[1])
	}
	if g.tasks[2].executes != (last == 0) {
		t.Error(got[2])
	}
	for s := range protocol.ShardID(3) {
		g := newGraph(subBlocks(block, c.Slots)[s], c.Slots, s)
		for i := range g.tasks {
			want := slices.Contains(g.tasks[i].transaction.Executors(c.Slots, nil), s)
			if g.tasks[i].executes != want {
				t.Errorf("shard %d, transaction %d: executes %v, want %v", s, g.byIndex[i], !want, want)
			}
			if slices.Contains(g.tasks[i].pushTo, s) {
				t.Errorf("shard %d pushes transaction %d to itself", s, g.byIndex[i])
			}
		}
	}
}

func TestGraphFindsTransactionsByIndex(t *testing.T) {
	c := testConfig(2)
	zero, one := keysOn(c.Slots, 0, 1)[0], keysOn(c.Slots, 1, 1)[0]
	block := []protocol.Transaction{txn("a", "x:"+one), txn("a", "x:"+zero), txn("a", "x:"+one), txn("a", "x:"+zero)}
	g := newGraph(subBlocks(block, c.Slots)[0], c.Slots, 0)
	for index, want := range map[uint32]int{1: 0, 3: 1} {
		if id, ok := g.find(index); !ok || id != want {
			t.Errorf("transaction %d: task %d %v", index, id, ok)
		}
	}
	for _, index := range []uint32{0, 2, 4, 1 << 31} {
		if id, ok := g.find(index); ok {
			t.Errorf("transaction %d: task %d", index, id)
		}
	}
}
