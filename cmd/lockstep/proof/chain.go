package proof

import (
	"encoding/hex"
	"fmt"

	"github.com/lockstep-exec/lockstep/protocol"
)

// chain links a height to the ones before it, and compares its digests with the
// sequential state's.
func (c *check) chain(h Height, block protocol.Digest) error {
	if h.Height != uint64(c.at) || len(h.Digests) != len(c.dirs) {
		return fmt.Errorf("the history has height %d with %d shards where height %d with %d belongs", h.Height, len(h.Digests), c.at, len(c.dirs))
	}
	digests := make([]protocol.Digest, len(h.Digests))
	for i, text := range h.Digests {
		d, err := digestOf(text)
		if err != nil {
			return fmt.Errorf("history, height %d: %w", h.Height, err)
		}
		digests[i] = d
	}
	c.root = protocol.ChainRoot(c.root, protocol.Height(h.Height), block, digests)
	if root := c.root.String(); root != h.Root {
		c.add(Finding{Shard: cluster, What: fmt.Sprintf("the chain root of height %d is wrong", h.Height), Expected: root, Actual: h.Root})
	}
	return nil
}

func digestOf(text string) (d protocol.Digest, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(d) {
		return d, fmt.Errorf("%q is no digest", text)
	}
	return protocol.Digest(b), nil
}
