package executor

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/state"
	"github.com/lockstep-exec/lockstep/wal"
)

// offlineHeights is how many heights the shard of offlineShard has committed
// above its checkpoint; one more is in doubt.
const offlineHeights = 9

// offlineShard makes the directory of a shard whose log holds records that the
// checkpoint made superfluous, and behind them all that it has committed. It
// returns the sequence from which on they are needed.
func offlineShard(t *testing.T, dir string, segmentBytes int) (keep uint64) {
	t.Helper()
	log, err := wal.Open(filepath.Join(dir, LogDirectory), wal.Options{SegmentBytes: segmentBytes})
	if err != nil {
		t.Fatal(err)
	}
	config := protocol.Config{Cluster: protocol.ClusterID{7}, Slots: protocol.EvenSlots(1), Limits: protocol.DefaultLimits()}
	add := func(r protocol.Record) {
		if err == nil {
			_, err = log.Append(wal.Record{Type: uint8(r.RecordType()), Data: protocol.EncodeRecord(r)})
		}
	}
	const passed = 20
	for epoch := range protocol.Epoch(passed) {
		add(protocol.EpochSeen{Epoch: epoch + 1})
	}
	keep = log.Last() + 1
	var sum protocol.Sum
	var below protocol.AttemptID
	for h := protocol.Height(1); h <= offlineHeights+1; h++ {
		key, value := fmt.Appendf(nil, "kv/%d", h), []byte("value")
		sum = sum.Add(protocol.PairSum(key, value))
		attempt := protocol.AttemptID{Height: h, Epoch: passed, Attempt: 1}
		add(&protocol.Prepared{Attempt: attempt, Parent: below, Digest: sum.Digest(), Writes: protocol.EncodeWrites([]protocol.WriteOp{{Key: key, Value: value}})})
		if h <= offlineHeights {
			add(protocol.CommittedRecord{Committed: protocol.Committed{Attempt: attempt, Digest: sum.Digest()}})
		}
		below = attempt
	}
	checkpoint := state.Checkpoint{Directory: protocol.DirectoryID{1}, Config: config, Epoch: passed,
		Log: state.LogPosition{ID: log.ID(), Keep: keep, Forced: keep}}
	if err := errors.Join(err, state.Create(dir, checkpoint, state.Options{}), log.Close()); err != nil {
		t.Fatal(err)
	}
	return keep
}

// files reads all files of a folder.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if err == nil {
			all[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name()))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// putFiles makes a folder hold these files and no other.
func putFiles(t *testing.T, dir string, all map[string][]byte) {
	t.Helper()
	err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700))
	for name, content := range all {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// interruptedTrims lists what a kill during a trim leaves behind once the copy
// is complete, from the log before and after it: any of the segments that the
// trim removes may be gone.
func interruptedTrims(before, after map[string][]byte, keep uint64) (states []map[string][]byte) {
	final := fmt.Sprintf("%020d", keep)
	copied := maps.Clone(before)
	copied["META"], copied[final+".START"] = after["META"], after[final]
	var replaced []string
	for name := range before {
		if len(name) == len(final) && name <= final {
			replaced = append(replaced, name)
		}
	}
	slices.Sort(replaced)
	for mask := range 1 << len(replaced) {
		s := maps.Clone(copied)
		for i, name := range replaced {
			if mask>>i&1 == 1 {
				delete(s, name)
			}
		}
		states = append(states, s)
	}
	return states
}

// TestOfflineAfterAnInterruptedTrim: whatever a kill during a trim leaves, the
// directory says offline what a start brings back.
func TestOfflineAfterAnInterruptedTrim(t *testing.T) {
	for name, segmentBytes := range map[string]int{"copy of the last segment": 0, "segments behind the copy": 900} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			keep := offlineShard(t, dir, segmentBytes)
			folder := filepath.Join(dir, LogDirectory)
			before := files(t, folder)
			log, err := wal.Open(folder, wal.Options{SegmentBytes: segmentBytes})
			if err == nil {
				err = errors.Join(log.TrimFront(keep), log.Close())
			}
			if err != nil {
				t.Fatal(err)
			}
			for i, s := range interruptedTrims(before, files(t, folder), keep) {
				putFiles(t, folder, s)
				o, err := ReadOffline(dir)
				if err != nil {
					t.Fatalf("state %d: %v", i, err)
				}
				if len(o.State.Prepared) != 1 || o.Committed().Height() != offlineHeights {
					t.Errorf("state %d: height %d, %d in doubt", i, o.Committed().Height(), len(o.State.Prepared))
				}
				if err := o.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestOfflineWantsEveryRecord: a file of the log that is gone after the log was
// assessed makes a refusal, not a lower height.
func TestOfflineWantsEveryRecord(t *testing.T) {
	dir := t.TempDir()
	offlineShard(t, dir, 900)
	o, err := ReadOffline(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	folder := filepath.Join(dir, LogDirectory)
	whole := files(t, folder)
	segments := slices.DeleteFunc(slices.Sorted(maps.Keys(whole)), func(name string) bool { return len(name) != 20 })
	for what, gone := range map[string]string{"the last": segments[len(segments)-1], "one before": segments[len(segments)-2]} {
		s := maps.Clone(whole)
		delete(s, gone)
		putFiles(t, folder, s)
		if err := o.replayLog(folder); err == nil || !strings.Contains(err.Error(), "cannot be read") {
			t.Errorf("%s is gone: %v", what, err)
		}
	}
}
