package boltfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

// content collects what a walk comes upon.
type content struct {
	pairs    map[string]string
	last     string
	order    bool // pairs came in order
	findings []Finding
	stop     error
}

func (c *content) Bucket(name []byte) { c.pairs[string(name)+"/"] = "bucket" }

func (c *content) Pair(bucket, key, value []byte) error {
	name := string(bucket) + "/" + string(key)
	c.order = c.order && name > c.last
	c.last = name
	c.pairs[name] = string(value)
	return c.stop
}

func (c *content) Finding(f Finding) { c.findings = append(c.findings, f) }

// walkBytes walks a file that is in memory.
func walkBytes(file []byte) (*content, error) {
	f, err := Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return nil, err
	}
	c := &content{pairs: map[string]string{}, order: true}
	return c, f.Walk(c)
}

// build runs transactions on a new database, compares each state with what
// bbolt says, and gives the file.
func build(t *rapid.T, path string) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		PageSize: rapid.SampledFrom([]int{1024, 4096, 16384}).Draw(t, "page size"), NoFreelistSync: rapid.Bool().Draw(t, "no freelist"), NoSync: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for range rapid.IntRange(1, 6).Draw(t, "transactions") {
		seed := rapid.Uint64().Draw(t, "seed")
		if err := db.Update(func(tx *bbolt.Tx) error { return change(tx, rand.New(rand.NewPCG(seed, 0)), 500) }); err != nil {
			t.Fatal(err)
		}
		compare(t, db, path)
	}
}

// change makes random changes in two buckets, of which one stays small.
func change(tx *bbolt.Tx, rng *rand.Rand, keys int) error {
	for name, keys := range map[string]int{"large": keys, "small": 3} {
		b, err := tx.CreateBucketIfNotExists([]byte(name))
		if err != nil {
			return err
		}
		for range rng.IntN(1 + keys) {
			key := fmt.Appendf(nil, "key %d", rng.IntN(keys))
			if rng.IntN(3) == 0 {
				err = b.Delete(key)
			} else {
				err = b.Put(key, make([]byte, rng.IntN(20)*rng.IntN(20)*rng.IntN(20)*rng.IntN(2)))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func compare(t *rapid.T, db *bbolt.DB, path string) {
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := walkBytes(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.findings) > 0 || !got.order {
		t.Fatalf("in order: %t, findings: %v", got.order, got.findings)
	}
	want := 0
	_ = db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			want++
			return b.ForEach(func(key, value []byte) error {
				want++
				if v, ok := got.pairs[string(name)+"/"+string(key)]; !ok || v != string(value) {
					t.Fatalf("%s/%s is %q (%t), want %q", name, key, v, ok, value)
				}
				return nil
			})
		})
	})
	if len(got.pairs) != want {
		t.Fatalf("%d buckets and pairs, want %d", len(got.pairs), want)
	}
}

func TestReadsWhatBoltWrites(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		build(t, filepath.Join(dir, fmt.Sprint(n)))
	})
}

// sample makes a database of several levels of small pages.
func sample(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{PageSize: 1024, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(4) {
		if err := db.Update(func(tx *bbolt.Tx) error { return change(tx, rand.New(rand.NewPCG(seed, 0)), 100) }); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// TestFlippedStructureIsFound flips bits. If the walk finds nothing wrong, then
// the keys are right; the values are for the caller to check.
func TestFlippedStructureIsFound(t *testing.T) {
	file := sample(t)
	sound, err := walkBytes(file)
	if err != nil || len(sound.findings) > 0 {
		t.Fatal(err, sound.findings)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		at, bit := rng.IntN(len(file)), byte(1)<<rng.IntN(8)
		file[at] ^= bit
		got, err := walkBytes(file)
		if err == nil && len(got.findings) == 0 && len(got.pairs) != len(sound.pairs) {
			t.Errorf("byte %d, bit %b: %d pairs of %d, and nothing found", at, bit, len(got.pairs), len(sound.pairs))
		}
		file[at] ^= bit
	}
}

// TestGoesOnPastBrokenPages overwrites each page in turn: the others are read
// all the same, unless it is one that leads to them.
func TestGoesOnPastBrokenPages(t *testing.T) {
	file := sample(t)
	sound, err := walkBytes(file)
	if err != nil {
		t.Fatal(err)
	}
	rest := 0
	for page := 2; page < len(file)/1024; page++ {
		damaged := bytes.Clone(file)
		copy(damaged[page*1024:], make([]byte, 1024))
		got, err := walkBytes(damaged)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.pairs) < len(sound.pairs) && len(got.findings) == 0 {
			t.Errorf("page %d is gone, and nothing found", page)
		}
		if n := len(got.pairs); n < len(sound.pairs) {
			rest = max(rest, n)
		}
	}
	if rest < len(sound.pairs)*8/10 {
		t.Errorf("at most %d of %d pairs survive the loss of a leaf", rest, len(sound.pairs))
	}
}

func TestEitherMetaPageIsEnough(t *testing.T) {
	file := sample(t)
	for page := range 2 {
		damaged := bytes.Clone(file)
		damaged[page*1024+40] ^= 1
		got, err := walkBytes(damaged)
		if err != nil || len(got.findings) == 0 || got.findings[0].Page != uint64(page) {
			t.Errorf("meta page %d broken: %v, %v", page, err, got)
		}
		damaged[(1-page)*1024+40] ^= 1
		if _, err := walkBytes(damaged); !errors.Is(err, ErrNotBolt) {
			t.Errorf("both broken: %v", err)
		}
	}
}

// edited makes a database by one function after another, each a transaction.
func edited(t *testing.T, changes ...func(*bbolt.Tx) error) *content {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{PageSize: 1024, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range changes {
		if err := db.Update(change); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := walkBytes(file)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestLongFreelist has more free pages than the header of a page can count.
func TestLongFreelist(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 70 MB")
	}
	c := edited(t, func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucket([]byte("b"))
		if err != nil {
			return err
		}
		return b.Put([]byte("large"), make([]byte, 70<<20))
	}, func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("b")).Delete([]byte("large"))
	})
	if len(c.findings) > 0 || len(c.pairs) != 1 {
		t.Errorf("%v, findings %v", c.pairs, c.findings)
	}
}

func TestNestedBucketIsAFinding(t *testing.T) {
	c := edited(t, func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucket([]byte("outer"))
		if err != nil {
			return err
		}
		_, err = b.CreateBucket([]byte("inner"))
		return errors.Join(err, b.Put([]byte("key"), []byte("value")))
	})
	if len(c.findings) != 1 || c.pairs["outer/key"] != "value" {
		t.Errorf("%v, findings %v", c.pairs, c.findings)
	}
}

func TestErrorOfVisitorEndsTheWalk(t *testing.T) {
	file := sample(t)
	f, err := Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	c := &content{pairs: map[string]string{}, stop: errors.New("enough")}
	if err := f.Walk(c); !errors.Is(err, c.stop) || len(c.pairs) != 2 {
		t.Errorf("%v after %v", err, c.pairs)
	}
}

// FuzzWalk patches a sound file, gives the meta pages a valid checksum, and
// makes sure that the walk ends.
func FuzzWalk(ff *testing.F) {
	f := fuzz.New(ff)
	file := sample(f)
	f.Add([]byte{})
	pages := len(file) / 1024
	for page := range pages {
		at := page << 16 / pages
		f.Add([]byte{byte(at >> 8), byte(at), 7, 255, 255, 255, 255, 255, 255, 255, 255})
	}
	damaged := make([]byte, len(file))
	f.Fuzz(func(t testing.TB, script []byte) {
		copy(damaged, file)
		fuzz.Patch(damaged, script)
		for page := range 2 {
			meta := damaged[page*1024+headerBytes:]
			sum := fnv.New64a()
			sum.Write(meta[:56])
			binary.LittleEndian.PutUint64(meta[56:], sum.Sum64())
		}
		_, _ = walkBytes(damaged)
	})
}
