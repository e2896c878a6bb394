package recovery

import (
	"context"
	"fmt"

	"github.com/lockstep-exec/lockstep/protocol"
)

// against compares what a shard committed and promised with the decisions.
type against struct {
	look      *Look
	shard     protocol.ShardID
	decisions Decisions
}

// compareWith compares with the decisions: the height of the database, every
// commit in the log, every attempt in doubt, and that nothing decided is
// missing. It is what the coordinator checks when the shard says hello, and more.
func (l *Look) compareWith(ctx context.Context, i *inspection, d Decisions) error {
	if l.Shard == nil {
		l.note("nothing was compared with the decisions: the database does not say which shard it is")
		return nil
	}
	if zero := (protocol.ClusterID{}).String(); l.Cluster != d.Cluster().String() {
		if l.Cluster == zero {
			l.note("the shard never took part in a cluster: there is nothing to compare")
			return nil
		}
		l.find(Finding{Part: PartDecisions, Do: doCluster,
			What: fmt.Sprintf("this shard belongs to cluster %s, the decisions (%s) to cluster %s", l.Cluster, d.Source(), d.Cluster())})
		return nil
	}
	a := &against{look: l, shard: protocol.ShardID(*l.Shard), decisions: d}
	for _, c := range l.commitments(i) {
		if err := a.committed(ctx, c); err != nil {
			return err
		}
	}
	return a.promised(ctx, i)
}

// commitments lists what the shard has committed: the height of the database,
// and what the log has.
func (l *Look) commitments(i *inspection) []protocol.Committed {
	var all []protocol.Committed
	if i.shard != nil && i.shard.Checkpoint.Height() > 0 {
		all = append(all, i.shard.Checkpoint.Committed)
	}
	for _, p := range i.facts.promises {
		if p.committed {
			all = append(all, protocol.Committed{Attempt: p.attempt, Digest: p.digest, Root: p.root})
		}
	}
	return all
}

func (a *against) find(h protocol.Height, do, format string, args ...any) {
	a.look.find(Finding{Part: PartDecisions, Height: h, What: fmt.Sprintf(format, args...), Do: do})
}

// committed compares one commit with the decision for its height.
func (a *against) committed(ctx context.Context, c protocol.Committed) error {
	h := c.Height()
	if h > a.decisions.Height() {
		a.find(h, doCoordinator, "shard %d has committed height %d, the decisions (%s) end at height %d", a.shard, h, a.decisions.Source(), a.decisions.Height())
		return nil
	}
	want, err := a.at(ctx, h)
	if err != nil {
		return err
	}
	if c != want {
		a.find(h, doDivergence, "shard %d has committed attempt %s with digest %s and root %s at height %d, the decision is attempt %s with digest %s and root %s",
			a.shard, c.Attempt, c.Digest, c.Root, h, want.Attempt, want.Digest, want.Root)
	}
	return nil
}

func (a *against) at(ctx context.Context, h protocol.Height) (protocol.Committed, error) {
	d, err := a.decisions.At(ctx, h)
	if err != nil {
		return protocol.Committed{}, err
	}
	a.look.Checked.Decisions++
	c, ok := d.On(a.shard)
	if !ok {
		return c, fmt.Errorf("the decision for height %d is about %d shards, this is shard %d: is it of this cluster?", h, len(d.Digests), a.shard)
	}
	return c, nil
}

// promised checks that every decided height above the committed one is held
// prepared, as it was voted on.
func (a *against) promised(ctx context.Context, i *inspection) error {
	if i.shard == nil {
		return nil // what it holds in doubt is not known
	}
	held := map[protocol.Height]*protocol.Prepared{}
	for _, p := range i.shard.State.Prepared {
		held[p.Attempt.Height] = p
	}
	for h := i.shard.Committed().Height() + 1; h <= a.decisions.Height(); h++ {
		want, err := a.at(ctx, h)
		if err != nil {
			return err
		}
		a.holds(held[h], want)
	}
	for _, p := range i.shard.State.Prepared {
		if p.Attempt.Height > a.decisions.Height() {
			a.look.note(fmt.Sprintf("attempt %s is in doubt, and its height is not decided: the coordinator commits or drops it when the shard connects", p.Attempt))
		}
	}
	return nil
}

// holds compares what is held in doubt with the decision for its height.
func (a *against) holds(p *protocol.Prepared, want protocol.Committed) {
	h := want.Height()
	switch {
	case p == nil:
		a.find(h, doLostData, "height %d is decided (attempt %s) with the vote of shard %d, which has neither committed nor prepared it: it lost data, or is an old copy",
			h, want.Attempt, a.shard)
	case p.Attempt != want.Attempt:
		a.find(h, doLostData, "height %d is decided as attempt %s with the vote of shard %d, which holds attempt %s in its place: it lost data, or is an old copy",
			h, want.Attempt, a.shard, p.Attempt)
	case p.Digest != want.Digest:
		a.find(h, doDivergence, "shard %d has prepared attempt %s with digest %s, it is decided with digest %s", a.shard, p.Attempt, p.Digest, want.Digest)
	default:
		a.look.note(fmt.Sprintf("attempt %s is in doubt here and decided: it commits when the shard connects, or with lockstep recover resolve", p.Attempt))
	}
}
