package proof

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

const (
	historyFile  = "history.jsonl"
	blocksFolder = "blocks"
)

// Height is what was committed at one height.
type Height struct {
	Height  uint64   `json:"height"`
	Key     string   `json:"block"`
	Block   string   `json:"block_id"` // hexadecimal, as all digests here
	Root    string   `json:"root"`
	Digests []string `json:"digests"` // by shard
	// Outcomes has the number of transactions by outcome.
	Outcomes map[string]uint64 `json:"outcomes"`
}

// HeightOf takes a committed block of the API.
func HeightOf(b *wirepb.Block) Height {
	h := Height{
		Height: b.GetHeight(), Key: b.GetKey(),
		Block: hex.EncodeToString(b.GetBlockId()), Root: hex.EncodeToString(b.GetRoot()),
		Outcomes: map[string]uint64{},
	}
	for _, o := range b.GetOutcomeCounts() {
		h.Outcomes[o.GetName()] = o.GetCount()
	}
	for _, d := range b.GetShardDigests() {
		h.Digests = append(h.Digests, hex.EncodeToString(d))
	}
	return h
}

// WriteHistory keeps the history, in order from height 1, in a demo's directory.
func WriteHistory(dir string, history []Height) error {
	f, err := os.OpenFile(filepath.Join(dir, historyFile), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	out := bufio.NewWriter(f)
	lines := json.NewEncoder(out)
	for _, h := range history {
		if err := lines.Encode(h); err != nil {
			return errors.Join(fmt.Errorf("write the history: %w", err), f.Close())
		}
	}
	return errors.Join(out.Flush(), f.Close())
}

// ReadHistory reads what WriteHistory wrote.
func ReadHistory(dir string) ([]Height, error) {
	f, err := os.Open(filepath.Join(dir, historyFile))
	if err != nil {
		return nil, fmt.Errorf("%s is not the directory of a demo that came to its proof: %w", dir, err)
	}
	defer f.Close()
	var history []Height
	for lines := json.NewDecoder(bufio.NewReader(f)); lines.More(); {
		var h Height
		if err := lines.Decode(&h); err != nil {
			return nil, fmt.Errorf("read the history: %w", err)
		}
		history = append(history, h)
	}
	return history, nil
}

// Blocks keeps the bodies of blocks in files.
type Blocks struct{ dir string }

// OpenBlocks keeps blocks in a demo's directory.
func OpenBlocks(dir string) (Blocks, error) {
	b := Blocks{filepath.Join(dir, blocksFolder)}
	return b, os.MkdirAll(b.dir, 0o700)
}

// Put keeps a block's body.
func (b Blocks) Put(key string, body []byte) error {
	id := protocol.BlockID(key, body)
	return os.WriteFile(filepath.Join(b.dir, id.String()), body, 0o600)
}

// Get reads the body of a committed block, and checks that it is the one that
// was kept.
func (b Blocks) Get(h Height) ([]byte, error) {
	if id, err := hex.DecodeString(h.Block); err != nil || len(id) != len(protocol.Digest{}) {
		return nil, fmt.Errorf("the block id %q of height %d is none", h.Block, h.Height)
	}
	body, err := os.ReadFile(filepath.Join(b.dir, h.Block))
	if err != nil {
		return nil, fmt.Errorf("block %q was committed at height %d, but never submitted: %w", h.Key, h.Height, err)
	}
	if id := protocol.BlockID(h.Key, body).String(); id != h.Block {
		return nil, fmt.Errorf("block %q of height %d is kept with other content than was committed: its id is %s, not %s", h.Key, h.Height, id, h.Block)
	}
	return body, nil
}
