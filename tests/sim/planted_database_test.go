package sim

import (
	"bytes"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"

	"github.com/lockstep-exec/lockstep/state"
)

// heightAhead: the pairs of a database are those of an older checkpoint than
// its height.
func heightAhead(w *world, into *Wraps) { mixCheckpoints(w, into, "pairs") }

// heightBehind: the height of a database is that of an older checkpoint than
// its pairs.
func heightBehind(w *world, into *Wraps) { mixCheckpoints(w, into, "meta") }

// mixCheckpoints puts an older bucket into a database, as if a checkpoint wrote
// its two buckets one after the other and a crash came between: the one that was
// there at the start before.
func mixCheckpoints(w *world, into *Wraps, bucket string) {
	into.Folder = func(at Place, folder string) {
		path := filepath.Join(folder, state.FileName)
		old := filepath.Join(w.folder, filepath.Base(folder)+".before")
		now, err := os.ReadFile(path)
		must(err)
		if before, err := os.ReadFile(old); err == nil && !bytes.Equal(before, now) {
			at.Count("planted")
			must(copyBucket(old, path, []byte(bucket)))
		}
		must(os.WriteFile(old, now, 0o600))
	}
}

// copyBucket makes a bucket of one database what it is in another.
func copyBucket(from, to string, name []byte) error {
	source, err := bbolt.Open(from, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := bbolt.Open(to, 0o600, nil)
	if err != nil {
		return err
	}
	defer target.Close()
	return source.View(func(read *bbolt.Tx) error {
		return target.Update(func(write *bbolt.Tx) error {
			if err := write.DeleteBucket(name); err != nil {
				return err
			}
			b, err := write.CreateBucket(name)
			if err != nil {
				return err
			}
			return read.Bucket(name).ForEach(b.Put)
		})
	})
}

// must is for what cannot fail but for a mistake of the test itself.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
