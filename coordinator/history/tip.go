package history

import (
	"fmt"

	"github.com/lockstep-exec/lockstep/protocol"
)

// tip is the end of the history: the meta and the highest decision.
type tip struct {
	meta    Meta
	height  protocol.Height
	root    protocol.Digest    // chain root at height
	attempt protocol.AttemptID // decided at height; not stored with the meta
}

// advance gives the tip after the decisions, or refuses them.
func (t tip) advance(meta Meta, decisions []*protocol.Decision) (tip, error) {
	if err := meta.validate(); err != nil {
		return tip{}, err
	}
	if err := meta.checkFollows(t.meta); err != nil {
		return tip{}, err
	}
	t.meta = meta.clone()
	for _, d := range decisions {
		if err := t.checkFollows(d); err != nil {
			return tip{}, err
		}
		t.height, t.root, t.attempt = d.Height(), d.Root, d.Attempt
	}
	return t, nil
}

// checkFollows refuses a decision that cannot stand right above the tip.
func (t tip) checkFollows(d *protocol.Decision) error {
	if err := checkStorable(d); err != nil {
		return err
	}
	if d.Height() != t.height+1 {
		return fmt.Errorf("decision for height %d after height %d: %w", d.Height(), t.height, ErrOrder)
	}
	if why := t.breaks(d); why != "" {
		return fmt.Errorf("decision for height %d: %s: %w", d.Height(), why, ErrChain)
	}
	return nil
}

// breaks says why the decision does not build on the tip; empty if it does.
// The height is not looked at.
func (t tip) breaks(d *protocol.Decision) string {
	if n := t.meta.Config.Shards(); len(d.Digests) != n {
		return fmt.Sprintf("it has %d state digests for %d shards", len(d.Digests), n)
	}
	if d.Parent != t.attempt {
		return fmt.Sprintf("it builds on attempt %s, but attempt %s is decided below it", d.Parent, t.attempt)
	}
	if d.Attempt.Epoch == 0 || d.Attempt.Epoch > t.meta.Epoch {
		return fmt.Sprintf("its epoch is %d, the highest claimed is %d", d.Attempt.Epoch, t.meta.Epoch)
	}
	if root := protocol.ChainRoot(t.root, d.Height(), d.Block, d.Digests); d.Root != root {
		return fmt.Sprintf("its chain root is %s, it should be %s", d.Root, root)
	}
	return ""
}

// checkStorable refuses a decision that has no place in the tables.
func checkStorable(d *protocol.Decision) error {
	if d == nil {
		return fmt.Errorf("no decision given: %w", ErrInvalid)
	}
	if len(d.Key) == 0 || len(d.Key) > protocol.MaxBlockKeyBytes {
		return fmt.Errorf("decision for height %d: block key of %d bytes, want 1 to %d: %w",
			d.Height(), len(d.Key), protocol.MaxBlockKeyBytes, ErrInvalid)
	}
	return nil
}
