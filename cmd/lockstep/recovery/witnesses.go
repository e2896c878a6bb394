package recovery

import (
	"fmt"

	"github.com/lockstep-exec/lockstep/protocol"
)

// witnesses compares shards with each other, where no decisions are at hand. A
// commit on one shard shows which attempt was decided, and with which root.
type witnesses struct {
	comparison *comparison
	seen       map[protocol.Height]witness
	highest    protocol.Height
}

// witness is the first shard that says what was committed at a height.
type witness struct {
	attempt protocol.AttemptID
	root    protocol.Digest
	path    string
}

func newWitnesses(c *comparison) *witnesses {
	return &witnesses{comparison: c, seen: map[protocol.Height]witness{}}
}

func (w *witnesses) compare() {
	for n, look := range w.comparison.result.Looks {
		for _, c := range look.commitments(w.comparison.inspections[n]) {
			w.hear(look, c)
		}
	}
	for n, look := range w.comparison.result.Looks {
		if o := w.comparison.inspections[n].shard; o != nil {
			w.missing(look, o)
		}
	}
}

// hear compares a commit with what another shard has said about its height.
func (w *witnesses) hear(l *Look, c protocol.Committed) {
	h := c.Height()
	before, ok := w.seen[h]
	if !ok {
		w.seen[h] = witness{attempt: c.Attempt, root: c.Root, path: l.Path}
		w.highest = max(w.highest, h)
		return
	}
	l.Checked.Decisions++
	if before.attempt != c.Attempt || before.root != c.Root {
		l.find(Finding{Part: PartDecisions, Height: h, Do: doDivergence,
			What: fmt.Sprintf("it has committed attempt %s with root %s at height %d, %s has attempt %s with root %s", c.Attempt, c.Root, h, before.path, before.attempt, before.root)})
	}
}

// missing checks that the shard holds what others have committed above it.
func (w *witnesses) missing(l *Look, o *shardParts) {
	held := map[protocol.Height]protocol.AttemptID{}
	for _, p := range o.State.Prepared {
		held[p.Attempt.Height] = p.Attempt
	}
	for h := o.Committed().Height() + 1; h <= w.highest; h++ {
		if other, ok := w.seen[h]; ok && held[h] != other.attempt {
			l.find(Finding{Part: PartDecisions, Height: h, Do: doLostData,
				What: fmt.Sprintf("%s has committed attempt %s, which needed the vote of this shard; it has neither committed nor prepared it", other.path, other.attempt)})
		}
	}
}
