package executor

import (
	"crypto/sha256"
	"errors"
	"io/fs"
	"maps"
	"os"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
)

// sums gives the content of every file of a folder, as a checksum.
func sums(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	found, files := map[string][32]byte{}, os.DirFS(dir)
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, path)
		found[path] = sha256.Sum256(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestAQuarantinedShardLeavesItsFilesAlone: what is committed and waits for a
// checkpoint stays in the log, and out of the database.
func TestAQuarantinedShardLeavesItsFilesAlone(t *testing.T) {
	for name, quarantine := range map[string]func(*handled){
		"damage that the node has not heard of": func(h *handled) { h.foundDamage(errors.New("a page")) },
		"damage": func(h *handled) {
			h.foundDamage(errors.New("a page"))
			h.does(h.posted...)
		},
		"divergence": func(h *handled) { h.does(from(1, protocol.Abort{Attempt: at(1, 1)})) },
		"refused with lost data": func(h *handled) {
			h.does(from(1, protocol.Reject{Kind: protocol.RejectLostData, Reason: "you lost data"}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			h := handle(t, dir)
			defer h.close()
			h.welcomed()
			h.does(counts(at(1, 1), protocol.AttemptID{}))
			h.does(h.decided())
			quarantine(h)
			before := sums(t, dir)
			for range 3 {
				h.checkpointsNothing(before, dir)
			}
		})
	}
}

func (h *handled) checkpointsNothing(before map[string][32]byte, dir string) {
	h.t.Helper()
	if wait, err := h.Checkpoint(h.t.Context()); err != nil || wait <= 0 || len(h.failures) > 0 {
		h.t.Fatalf("wait %v, error %v, failures %v", wait, err, h.failures)
	}
	if after := sums(h.t, dir); !maps.Equal(before, after) {
		h.t.Fatalf("the files changed from %x to %x", before, after)
	}
	if s := h.storage.store.Checkpoint(); s.Height() != 0 || h.storage.store.PendingHeights() != 1 {
		h.t.Fatalf("checkpointed height %d", s.Height())
	}
}

// TestDamageDuringACheckpointKeepsTheLog: the checkpoint cannot be called back,
// but its records are not given up for it.
func TestDamageDuringACheckpointKeepsTheLog(t *testing.T) {
	h := handle(t, t.TempDir())
	defer h.close()
	h.welcomed()
	h.does(counts(at(1, 1), protocol.AttemptID{}))
	h.does(h.decided())
	first := h.log.First()
	h.log.forcing = func() { h.foundDamage(errors.New("a page")) }
	h.checkpoint()
	if h.storage.store.Checkpoint().Height() != 1 || h.log.First() != first || h.Status().Quarantined == "" {
		t.Errorf("the log begins at record %d, before at %d; status %+v", h.log.First(), first, h.Status())
	}
}

// TestARefusalThatIsTakenBackHasCheckpointsMadeAgain: a shard that the
// coordinator took for another one is welcomed in the end.
func TestARefusalThatIsTakenBackHasCheckpointsMadeAgain(t *testing.T) {
	h := handle(t, t.TempDir())
	defer h.close()
	h.welcomed()
	h.does(counts(at(1, 1), protocol.AttemptID{}))
	h.does(h.decided())
	h.does(from(1, protocol.Reject{Kind: protocol.RejectLostData, Reason: "you lost data"}))
	h.checkpoint()
	h.does(protocol.Opened{Session: 2}, from(2, &protocol.Welcome{Config: testConfig(1), Committed: 1}))
	h.checkpoint()
	if got := h.storage.store.Checkpoint().Height(); got != 1 {
		t.Errorf("checkpointed height %d", got)
	}
}
