package protocol

import "slices"

// fuzzedPeer is a shard as far as a coordinator can tell: what it would say if
// it answered everything it was told.
type fuzzedPeer struct {
	shard     ShardID
	session   Session // the newest; 0 before the first
	epoch     Epoch
	member    bool // welcomed once
	committed Committed
	durable   Height // checkpointed
	asked     []*Execute
	prepared  []Vote // from committed+1 on
	said      []Vote // every yes
}

func (p *fuzzedPeer) told(m Message, epoch Epoch) {
	p.epoch = max(p.epoch, epoch)
	switch m := m.(type) {
	case *Welcome:
		p.member = true
	case *Execute:
		p.forget(m.Attempt.Height)
		p.asked = append(p.asked, m)
	case Abort:
		p.forget(m.Attempt.Height)
	case Commit:
		if m.Height() == p.committed.Height()+1 {
			p.committed = m.Committed
			p.prepared = p.prepared[min(1, len(p.prepared)):]
		}
	}
}

func (p *fuzzedPeer) forget(from Height) {
	p.asked = slices.DeleteFunc(p.asked, func(x *Execute) bool { return x.Attempt.Height >= from })
	p.prepared = slices.DeleteFunc(p.prepared, func(v Vote) bool { return v.Attempt.Height >= from })
}

// prepare gives the yes to the lowest attempt it was asked for, if it can be
// voted on. No vote has the same digest as another one.
func (p *fuzzedPeer) prepare(b *Block, name string) *Vote {
	x := p.asked[0]
	if x.Attempt.Height != p.committed.Height()+Height(len(p.prepared))+1 {
		return nil
	}
	p.asked = p.asked[1:]
	part := b.Parts[p.shard]
	v := Vote{Attempt: x.Attempt, Yes: true, Outcomes: NewOutcomes(len(part.Indexes))}
	v.Digest = Digest{1, byte(p.shard), byte(x.Attempt.Height), byte(x.Attempt.Epoch), byte(x.Attempt.Attempt)}
	for i, executes := range part.Executes {
		if executes {
			_ = v.Outcomes.Set(i, name)
		}
	}
	p.prepared = append(p.prepared, v)
	p.said = append(p.said, v)
	return &v
}

func (p *fuzzedPeer) hello() *Hello {
	h := &Hello{
		Shard: p.shard, Directory: DirectoryID{1, byte(p.shard)}, Address: "here", Epoch: p.epoch,
		Committed: p.committed, Checkpointed: p.durable, Prepared: slices.Clone(p.prepared),
	}
	if p.member {
		h.Cluster, h.Shards = fuzzConfig.Cluster, fuzzConfig.Shards()
	}
	return h
}
