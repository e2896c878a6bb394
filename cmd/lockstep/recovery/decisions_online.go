package recovery

import (
	"context"
	"fmt"

	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// pageHeights is how many decisions are asked for at once.
const pageHeights = 512

// RunningDecisions are those that a running coordinator tells. One goroutine at
// a time may use them.
type RunningDecisions struct {
	client  *client.Coordinator
	cluster protocol.ClusterID
	height  protocol.Height
	page    []*wirepb.Block // ascending heights without gaps
	address string
}

// AskDecisions asks a running coordinator for its cluster and height. The height
// stays what it was then.
func AskDecisions(ctx context.Context, c *client.Coordinator, address string) (*RunningDecisions, error) {
	status, err := c.Status(ctx)
	if err != nil {
		return nil, err
	}
	if why := status.GetQuarantined(); why != "" {
		return nil, fmt.Errorf("the coordinator at %s decides nothing any more, so its word is no evidence: %s", address, why)
	}
	r := &RunningDecisions{client: c, height: protocol.Height(status.GetHeight()), address: address}
	if n := copy(r.cluster[:], status.GetCluster()); n != len(r.cluster) {
		return nil, fmt.Errorf("the coordinator at %s names no cluster", address)
	}
	return r, nil
}

// Cluster implements Decisions.
func (r *RunningDecisions) Cluster() protocol.ClusterID { return r.cluster }

// Height implements Decisions.
func (r *RunningDecisions) Height() protocol.Height { return r.height }

// At implements Decisions. It asks for many heights at once, since they are
// looked at in order.
func (r *RunningDecisions) At(ctx context.Context, h protocol.Height) (Decided, error) {
	if b := r.inPage(h); b != nil {
		return decidedOf(b)
	}
	r.page = nil
	err := r.client.Blocks(ctx, uint64(h), pageHeights, func(blocks []*wirepb.Block) error {
		r.page = append(r.page, blocks...)
		return nil
	})
	if err != nil {
		return Decided{}, err
	}
	if b := r.inPage(h); b != nil {
		return decidedOf(b)
	}
	return Decided{}, fmt.Errorf("the coordinator at %s does not tell its decision for height %d", r.address, h)
}

// inPage gives the block of a height, if the last answer has it in its place.
func (r *RunningDecisions) inPage(h protocol.Height) *wirepb.Block {
	if len(r.page) == 0 || uint64(h) < r.page[0].GetHeight() {
		return nil
	}
	i := uint64(h) - r.page[0].GetHeight()
	if i >= uint64(len(r.page)) || r.page[i].GetHeight() != uint64(h) {
		return nil
	}
	return r.page[i]
}

// Source implements Decisions.
func (r *RunningDecisions) Source() string { return "coordinator at " + r.address }

// decidedOf reads a block that came over the network.
func decidedOf(b *wirepb.Block) (Decided, error) {
	a := b.GetAttempt()
	d := Decided{Key: b.GetKey(), Attempt: protocol.AttemptID{
		Height: protocol.Height(b.GetHeight()), Epoch: protocol.Epoch(a.GetEpoch()), Attempt: a.GetAttempt(),
	}}
	ok := a != nil && (a.GetHeight() == 0 || a.GetHeight() == b.GetHeight()) && len(b.GetRoot()) == len(d.Root)
	copy(d.Root[:], b.GetRoot())
	for _, raw := range b.GetShardDigests() {
		var digest protocol.Digest
		ok = ok && copy(digest[:], raw) == len(digest)
		d.Digests = append(d.Digests, digest)
	}
	if !ok {
		return Decided{}, fmt.Errorf("the coordinator tells no usable decision for height %d: is it of another version?", b.GetHeight())
	}
	return d, nil
}
