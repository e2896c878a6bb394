package history_test

import (
	"fmt"
	"os"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/protocol"
)

// A coordinator moves a decision from its log to the history, restarts, and is
// asked about the block again.
func Example() {
	dir, err := os.MkdirTemp("", "history-example-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	meta := history.Meta{
		Config: protocol.Config{Cluster: protocol.ClusterID{1}, Slots: protocol.EvenSlots(2), Limits: protocol.DefaultLimits()},
		Epoch:  1,
		Log:    history.LogPosition{ID: [16]byte{9}, Keep: 1},
	}
	if err := history.Create(dir, meta, history.Options{}); err != nil {
		panic(err)
	}
	h, err := history.Open(dir, history.Options{})
	if err != nil {
		panic(err)
	}
	digests := make([]protocol.Digest, 2)
	decision := &protocol.Decision{
		Attempt: protocol.AttemptID{Height: 1, Epoch: 1, Attempt: 1},
		Key:     "block-46147", Digests: digests,
		Root: protocol.ChainRoot(protocol.Digest{}, 1, protocol.Digest{}, digests),
	}
	// The log holds the decision, forced, and says how far that goes.
	meta.Log.Keep, meta.Log.Forced = 4, 6
	if err := h.Append(meta, []*protocol.Decision{decision}); err != nil {
		panic(err)
	}
	// From here on the log may be trimmed up to sequence 4.
	if err := h.Close(); err != nil {
		panic(err)
	}

	if h, err = history.Open(dir, history.Options{}); err != nil {
		panic(err)
	}
	defer h.Close()
	again, found, err := h.ByKey("block-46147")
	fmt.Println(h.Height(), h.Meta().Log.Keep, found, again.Attempt, err)
	// Output: 1 4 true 1/1.1 <nil>
}
