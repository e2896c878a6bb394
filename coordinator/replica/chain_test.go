package replica

import (
	"slices"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
)

// chain makes records that continue a state.
type chain struct {
	t       *testing.T
	config  protocol.Config
	epoch   protocol.Epoch
	decided *protocol.Decision
	pending []*protocol.Proposed
}

var oneShard = protocol.Config{Cluster: protocol.ClusterID{7}, Slots: protocol.EvenSlots(1), Limits: protocol.DefaultLimits()}

func newChain(t *testing.T, s protocol.CoordinatorState) *chain {
	return &chain{t: t, config: s.Config, epoch: s.Epoch, decided: s.Decided, pending: slices.Clone(s.Pending)}
}

func (c *chain) height() protocol.Height {
	if c.decided == nil {
		return 0
	}
	return c.decided.Height()
}

// claim makes the first records of an incarnation.
func (c *chain) claim() []protocol.Record {
	c.epoch++
	records := []protocol.Record{protocol.EpochClaimed{Epoch: c.epoch}}
	if c.config.IsZero() {
		c.config = oneShard
		records = append([]protocol.Record{protocol.Created{Config: oneShard}}, records...)
	}
	return records
}

func (c *chain) propose(key string) *protocol.Proposed {
	p := &protocol.Proposed{Height: c.height() + 1 + protocol.Height(len(c.pending)), Epoch: c.epoch, Key: key,
		Block: protocol.BlockID(key, []byte("body of "+key)), Body: []byte("body of " + key)}
	c.pending = append(c.pending, p)
	return p
}

func (c *chain) decide() *protocol.Decision {
	p := c.pending[0]
	c.pending = c.pending[1:]
	d := &protocol.Decision{Attempt: protocol.AttemptID{Height: c.height() + 1, Epoch: c.epoch, Attempt: 1}, Key: p.Key, Block: p.Block,
		Digests: []protocol.Digest{{byte(c.height() + 1)}}, Outcomes: protocol.NewOutcomes(0)}
	var root protocol.Digest
	if c.decided != nil {
		d.Parent, root = c.decided.Attempt, c.decided.Root
	}
	d.Root = protocol.ChainRoot(root, d.Height(), d.Block, d.Digests)
	c.decided = d
	return d
}

func (c *chain) withdraw(i int) protocol.Withdrawn {
	w := protocol.Withdrawn{Height: c.height() + 1 + protocol.Height(i), Key: c.pending[i].Key}
	c.pending = slices.Delete(slices.Clone(c.pending), i, i+1)
	return w
}

// must fails the test unless the records are appended.
func must(t *testing.T, l *Log, records ...protocol.Record) {
	t.Helper()
	if err := l.Append(records, true); err != nil {
		t.Fatal(err)
	}
}

// commits has blocks decided, one by one.
func (c *chain) commits(l *Log, keys ...string) {
	c.t.Helper()
	for _, key := range keys {
		if err := l.Append([]protocol.Record{c.propose(key)}, false); err != nil {
			c.t.Fatal(err)
		}
		must(c.t, l, c.decide())
	}
}
