package state

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
)

// TestBackup backs a store up while checkpoints go on.
func TestBackup(t *testing.T) {
	s, _ := makeStore(t, Options{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for h := protocol.Height(1); h <= 30; h++ {
			if err := errors.Join(commitBulk(s, h), s.Flush(background, h, LogPosition{}, protocol.Config{}, 1)); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for more := true; more; more = !isClosed(done) {
		dir := t.TempDir()
		file, err := os.Create(filepath.Join(dir, FileName))
		must(t, err)
		h, err := s.Backup(file)
		must(t, err)
		must(t, file.Close())
		if got := wantBulk(t, dir); got != h {
			t.Fatalf("backup of height %d holds height %d", h, got)
		}
		must(t, openStore(t, dir, Options{}).Close())
	}
	<-done
}
