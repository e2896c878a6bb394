package executor

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/state"
	"github.com/lockstep-exec/lockstep/wal"
)

func mustOpen(t *testing.T, dir string, shard protocol.ShardID) *storage {
	t.Helper()
	s, err := openStorage(dir, shard, wal.Options{}, state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustClose(t *testing.T, s *storage) {
	t.Helper()
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
}

func refused(t *testing.T, dir string, shard protocol.ShardID, words string) {
	t.Helper()
	s, err := Open(Options{Shard: shard, Directory: dir, Coordinators: []string{"127.0.0.1:1"}, Machine: mixer, Logger: quietLogger()})
	if err == nil {
		err = s.Close()
	}
	if !errors.Is(err, ErrMismatch) || !strings.Contains(err.Error(), words) {
		t.Errorf("got %v, want a refusal with %q", err, words)
	}
}

// copyTree copies a folder as it stands on the disk.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestStorageKeepsItsIdentity(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	s := mustOpen(t, dir, 3)
	cp := s.store.Checkpoint()
	if cp.Directory.IsZero() || cp.Shard != 3 {
		t.Errorf("checkpoint %+v", cp)
	}
	mustClose(t, s)
	s = mustOpen(t, dir, 3)
	defer mustClose(t, s)
	if got := s.store.Checkpoint(); got.Directory != cp.Directory || got.Log.ID != cp.Log.ID {
		t.Errorf("checkpoint %+v", got)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

func TestStorageInUseIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, 0)
	defer mustClose(t, s)
	if _, err := openStorage(dir, 0, wal.Options{}, state.Options{}); !errors.Is(err, wal.ErrLocked) {
		t.Errorf("got %v", err)
	}
}

func TestStorageRefusesPartsThatDoNotBelongTogether(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	s := mustOpen(t, dir, 0)
	if _, err := s.log.Append(wal.Record{Type: 1, Data: protocol.EncodeRecord(protocol.EpochSeen{Epoch: 1})}); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	mustClose(t, mustOpen(t, other, 0))
	log, file := filepath.Join(dir, LogDirectory), filepath.Join(dir, state.FileName)
	aside := filepath.Join(t.TempDir(), "aside")

	refused(t, dir, 1, "--id 0")

	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	move(file, aside)
	refused(t, dir, 0, "no database")
	move(aside, file)

	move(log, aside)
	refused(t, dir, 0, "no log")
	copyTree(t, filepath.Join(other, LogDirectory), log)
	refused(t, dir, 0, "do not belong together")
	copyTree(t, aside, log)
	mustClose(t, mustOpen(t, dir, 0))
}

// TestStorageRefusesAnOlderPart: a backup of one part beside the newer other.
func TestStorageRefusesAnOlderPart(t *testing.T) {
	dir, backup := t.TempDir(), t.TempDir()
	log, file := filepath.Join(dir, LogDirectory), filepath.Join(dir, state.FileName)
	mustClose(t, mustOpen(t, dir, 0))
	copyTree(t, dir, backup)

	s := mustOpen(t, dir, 0)
	record := wal.Record{Type: 1, Data: protocol.EncodeRecord(protocol.EpochSeen{Epoch: 1})}
	if _, err := s.log.Append(record, record, record); err != nil {
		t.Fatal(err)
	}
	if err := s.log.Sync(); err != nil {
		t.Fatal(err)
	}
	position := state.LogPosition{ID: s.log.ID(), Keep: 3, Forced: 3}
	if err := s.store.Flush(t.Context(), 0, position, protocol.Config{}, 1); err != nil {
		t.Fatal(err)
	}
	if err := s.log.TrimFront(3); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)

	newer := t.TempDir()
	copyTree(t, dir, newer)
	copyFile(t, filepath.Join(backup, state.FileName), file)
	refused(t, dir, 0, "older than its log")
	copyFile(t, filepath.Join(newer, state.FileName), file)
	copyTree(t, filepath.Join(backup, LogDirectory), log)
	refused(t, dir, 0, "older than its database")
	copyTree(t, filepath.Join(newer, LogDirectory), log)
	mustClose(t, mustOpen(t, dir, 0))
}

func TestStorageRefusesARecordOfAnotherNode(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, 0)
	w := protocol.Withdrawn{Height: 1, Key: "k"}
	if _, err := s.log.Append(wal.Record{Type: uint8(w.RecordType()), Data: protocol.EncodeRecord(w)}); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	if _, err := Open(Options{Shard: 0, Directory: dir, Coordinators: []string{"127.0.0.1:1"}, Machine: mixer, Logger: quietLogger()}); !errors.Is(err, protocol.ErrLogOrder) {
		t.Errorf("got %v", err)
	}
	mustClose(t, mustOpen(t, dir, 0)) // nothing is left open
}
