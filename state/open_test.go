package state

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/lockstep-exec/lockstep/protocol"
)

func TestCreate(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(dir, Options{})
	wantErr(t, err, ErrNotExist)
	wantErr(t, err, fs.ErrNotExist)
	cp := goldenCheckpoint()
	must(t, Create(dir, cp, Options{}))
	wantNames(t, dir, FileName)
	info, err := os.Stat(filepath.Join(dir, FileName))
	must(t, err)
	if info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	err = Create(dir, Checkpoint{}, Options{})
	wantErr(t, err, ErrExist)
	wantErr(t, err, fs.ErrExist)
	wantNames(t, dir, FileName)
	s := openStore(t, dir, Options{})
	got := s.Checkpoint()
	if !got.Config.Equal(cp.Config) || got.Directory != cp.Directory || got.Committed != cp.Committed || got.Log != cp.Log {
		t.Errorf("checkpoint %+v, want %+v", got, cp)
	}
}

func wantNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if len(names) != len(want) || names[0] != want[0] {
		t.Errorf("directory holds %v, want %v", names, want)
	}
}

// TestCreateRace: of many that create at once, one succeeds, and the file is
// that one's.
func TestCreateRace(t *testing.T) {
	dir := t.TempDir()
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = Create(dir, Checkpoint{Shard: protocol.ShardID(i)}, Options{}) })
	}
	wg.Wait()
	winner := -1
	for i, err := range errs {
		if err == nil && winner < 0 {
			winner = i
			continue
		}
		wantErr(t, err, ErrExist)
	}
	if s := openStore(t, dir, Options{}); winner < 0 || s.Checkpoint().Shard != protocol.ShardID(winner) {
		t.Errorf("database of %d, but %d succeeded", s.Checkpoint().Shard, winner)
	}
	wantNames(t, dir, FileName)
}

func TestOpenClearsAwayUnfinishedCreate(t *testing.T) {
	s, dir := makeStore(t, Options{})
	advance(t, s, put("a", "1"))
	flushTo(t, s, 1)
	must(t, s.Close())
	// Killed after the link: a second name of the database.
	must(t, os.Link(filepath.Join(dir, FileName), filepath.Join(dir, newFilePrefix+"1")))
	must(t, os.WriteFile(filepath.Join(dir, newFilePrefix+"2"), []byte("half"), 0o600))
	openStore(t, dir, Options{})
	wantNames(t, dir, FileName)
}

func TestOneProcessAtATime(t *testing.T) {
	s, dir := makeStore(t, Options{})
	out, err := childCommand("hold", dir).Output()
	if err == nil {
		t.Errorf("child opened a locked database: %s", out)
	}
	must(t, s.Close())

	cmd := childCommand("hold", dir)
	in, err := cmd.StdinPipe()
	must(t, err)
	pipe, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	line, err := bufio.NewReader(pipe).ReadString('\n')
	if line != "open\n" {
		t.Fatalf("child says %q, %v", line, err)
	}
	_, err = Open(dir, Options{})
	wantErr(t, err, ErrLocked)
	_, err = ScanDatabase(dir, nil)
	wantErr(t, err, ErrLocked)
	must(t, in.Close())
	must(t, cmd.Wait())
	openStore(t, dir, Options{})
}

func TestReadOnlyChangesNothing(t *testing.T) {
	s, dir := makeStore(t, Options{})
	advance(t, s, put("a", "1"), put("b", "1"))
	flushTo(t, s, 1)
	must(t, s.Close())
	before, err := os.ReadFile(filepath.Join(dir, FileName))
	must(t, err)
	s = openStore(t, dir, Options{ReadOnly: true})
	openStore(t, dir, Options{ReadOnly: true}) // readers share
	advance(t, s, put("b", "2"), put("c", "2"))
	if got, at := scanAll(t, s); at.Height() != 2 || got.String() != "a=1 b=2 c=2" {
		t.Errorf("height %d: %v", at.Height(), got)
	}
	wantErr(t, s.Flush(background, 2, LogPosition{}, protocol.Config{}, 1), ErrReadOnly)
	after, err := os.ReadFile(filepath.Join(dir, FileName))
	must(t, err)
	if string(before) != string(after) {
		t.Error("the file has changed")
	}
}

func TestFlushKeepsConfigurationAndEpoch(t *testing.T) {
	s, _ := makeStore(t, Options{})
	config := goldenCheckpoint().Config
	other := protocol.Config{Cluster: protocol.ClusterID{1}, Slots: config.Slots, Limits: config.Limits}
	must(t, s.Flush(background, 0, LogPosition{}, config, 7))
	wantErr(t, s.Flush(background, 0, LogPosition{}, config, 6), ErrOrder)
	wantErr(t, s.Flush(background, 0, LogPosition{}, other, 7), ErrOrder)
	wantErr(t, s.Flush(background, 0, LogPosition{}, protocol.Config{}, 7), ErrOrder)
	must(t, s.Flush(background, 0, LogPosition{}, config, 8))
}

// TestForeignFiles opens what is not a sound state database.
func TestForeignFiles(t *testing.T) {
	for name, test := range map[string]struct {
		make func(path string) error
		want error
	}{
		"empty file": {func(path string) error { return os.WriteFile(path, nil, 0o600) }, ErrDamaged},
		"text":       {func(path string) error { return os.WriteFile(path, []byte("hello"), 0o600) }, ErrDamaged},
		"zeros":      {func(path string) error { return os.WriteFile(path, make([]byte, 1<<16), 0o600) }, ErrDamaged},
		"one page":   {func(path string) error { return edit(path, nil, 4096) }, ErrDamaged},
		"cut":        {func(path string) error { return edit(path, nil, 3*4096) }, ErrDamaged},
		"other bbolt database": {func(path string) error {
			return edit(path, func(tx *bbolt.Tx) error {
				return errors.Join(tx.DeleteBucket(metaBucket), tx.DeleteBucket(pairsBucket))
			}, 0)
		}, ErrDamaged},
		"no pairs": {func(path string) error {
			return edit(path, func(tx *bbolt.Tx) error { return tx.DeleteBucket(pairsBucket) }, 0)
		}, ErrDamaged},
		"no meta record": {func(path string) error {
			return edit(path, func(tx *bbolt.Tx) error { return tx.Bucket(metaBucket).Delete(checkpointKey) }, 0)
		}, ErrDamaged},
		"flipped meta record": {func(path string) error { return editRecord(path, func(r []byte) []byte { r[9] ^= 1; return r }) }, ErrDamaged},
		"short meta record":   {func(path string) error { return editRecord(path, func([]byte) []byte { return []byte{1, 2} }) }, ErrDamaged},
		"newer version": {func(path string) error {
			return editRecord(path, func(r []byte) []byte { r[5] = 2; return appendSealed(nil, checkpointKey, r[sealBytes:]) })
		}, ErrFormat},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, Create(dir, goldenCheckpoint(), Options{}))
			must(t, test.make(filepath.Join(dir, FileName)))
			for range 2 { // the first leaves no lock behind
				_, err := Open(dir, Options{})
				wantErr(t, err, test.want)
			}
			report, err := ScanDatabase(dir, nil)
			if test.want == ErrDamaged {
				must(t, err)
				err = report.Err()
			}
			wantErr(t, err, test.want)
		})
	}
}

// edit changes a database behind the back of this package: by a transaction,
// or by cutting it to a number of bytes.
func edit(path string, change func(*bbolt.Tx) error, bytes int64) error {
	if change == nil {
		return os.Truncate(path, bytes)
	}
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		return err
	}
	return errors.Join(db.Update(change), db.Close())
}

func editRecord(path string, change func([]byte) []byte) error {
	return edit(path, func(tx *bbolt.Tx) error {
		meta := tx.Bucket(metaBucket)
		return meta.Put(checkpointKey, change(append([]byte{}, meta.Get(checkpointKey)...)))
	}, 0)
}
