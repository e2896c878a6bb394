package pages

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

type tb interface {
	Helper()
	Fatalf(format string, args ...any)
}

func must(t tb, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

// checked gives what Check reports about a file.
func checked(t tb, path string, pageBytes int) (all []string, walkable bool) {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	info, err := f.Stat()
	must(t, err)
	walkable, err = Check(f, info.Size(), int64(pageBytes), func(what string) { all = append(all, what) })
	must(t, err)
	return all, walkable
}

// TestSoundFiles: whatever bbolt writes has no findings.
func TestSoundFiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "pages-")
		must(t, err)
		defer os.RemoveAll(dir)
		path := filepath.Join(dir, "db")
		pageBytes := rapid.SampledFrom([]int{1024, 4096, 16384}).Draw(t, "page size")
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{PageSize: pageBytes})
		must(t, err)
		for range rapid.IntRange(0, 6).Draw(t, "transactions") {
			must(t, db.Update(func(tx *bbolt.Tx) error { return scribble(t, tx) }))
		}
		must(t, db.Close())
		if all, walkable := checked(t, path, pageBytes); len(all) > 0 || !walkable {
			t.Fatalf("walkable %v: %v", walkable, all)
		}
	})
}

// scribble puts and deletes in a bucket, which may be inside another.
func scribble(t *rapid.T, tx *bbolt.Tx) error {
	b, err := tx.CreateBucketIfNotExists([]byte(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "bucket")))
	if err == nil && rapid.Bool().Draw(t, "nested") {
		b, err = b.CreateBucketIfNotExists([]byte("inside"))
	}
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	for range rapid.IntRange(0, 400).Draw(t, "changes") {
		key := fmt.Appendf(nil, "%d", random.IntN(500))
		if random.IntN(3) == 0 {
			err = b.Delete(key)
		} else {
			err = b.Put(key, make([]byte, random.IntN(40)*random.IntN(200)))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

const testPage = 4096

// sample makes a file with branch pages, overflow pages and free pages.
func sample(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{PageSize: testPage})
	must(t, err)
	for round := range 3 {
		must(t, db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte("b"))
			if err != nil {
				return err
			}
			for i := range 600 {
				value := make([]byte, 30)
				if i%50 == round {
					value = make([]byte, 10_000)
				}
				if err := b.Put(fmt.Appendf(nil, "%04d", i), value); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	must(t, db.Close())
	return path
}

// TestFindings breaks one thing of a sound file at a time.
func TestFindings(t *testing.T) {
	cases := map[string]struct {
		breaks   func(s *surgery)
		want     string
		walkable bool
	}{
		"one meta page":        {func(s *surgery) { s.file[headerBytes+20]++ }, "meta page is damaged", true},
		"both meta pages":      {func(s *surgery) { s.file[headerBytes+20]++; s.file[testPage+headerBytes+20]++ }, "meta page is damaged", false},
		"page calls itself":    {func(s *surgery) { s.put64(s.leaf, 999) }, "calls itself page 999", true},
		"kind":                 {func(s *surgery) { s.leaf[8] = freelistFlag }, "not part of a tree", true},
		"child out of bounds":  {func(s *surgery) { s.put64(s.branch[headerBytes+8:], 1<<40) }, "out of bounds", true},
		"child is the page":    {func(s *surgery) { s.put64(s.branch[headerBytes+8:], s.branch.id()) }, "in use twice", false},
		"child of two":         {func(s *surgery) { copy(s.branch[headerBytes+8:], s.branch[headerBytes+24:headerBytes+32]) }, "in use twice", false},
		"no children":          {func(s *surgery) { s.branch[10], s.branch[11] = 0, 0 }, "without children", true},
		"too many children":    {func(s *surgery) { s.branch[11] = 200 }, "more than fit in", false},
		"too many pairs":       {func(s *surgery) { s.leaf[11] = 200 }, "more than fit in", true},
		"child key outside":    {func(s *surgery) { s.branch[headerBytes+7] = 1 }, "element 0 lies outside", true},
		"pair outside":         {func(s *surgery) { s.leaf[headerBytes+6] = 1 }, "element 0 lies outside", true},
		"key out of order":     {func(s *surgery) { s.swapKeys(s.leaf, 3, 4) }, "key 4 is out of order", true},
		"key of another page":  {func(s *surgery) { s.key(s.leaf, s.leaf.count()-1)[0] = '9' }, "further on", true},
		"overflow into others": {func(s *surgery) { s.leaf[12]++ }, "in use", false},
		"overflow past end":    {func(s *surgery) { s.leaf[15]++ }, "out of bounds", true},
		"free and in use":      {func(s *surgery) { s.put64(s.free[headerBytes:], s.leaf.id()) }, "as a free page", true},
		"lost page":            {func(s *surgery) { s.free[10]-- }, "neither in use nor free", true},
		"long free list":       {func(s *surgery) { s.free[11] = 100 }, "more than fit in", true},
		"kind of free list":    {func(s *surgery) { s.free[8] = leafFlag }, "not a list of free pages", true},
	}
	content, err := os.ReadFile(sample(t))
	must(t, err)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "db")
			s := open(t, append([]byte(nil), content...))
			c.breaks(s)
			must(t, os.WriteFile(path, s.file, 0o600))
			all, walkable := checked(t, path, testPage)
			if !strings.Contains(strings.Join(all, "\n"), c.want) || walkable != c.walkable {
				t.Fatalf("walkable %v, findings %v; want %q", walkable, all, c.want)
			}
		})
	}
}

// surgery gives access to some pages of a file in memory.
type surgery struct {
	file               []byte
	branch, leaf, free page
}

func open(t *testing.T, file []byte) *surgery {
	t.Helper()
	s := &surgery{file: file}
	at := func(id uint64) page { return page(file[id*testPage : (id+1)*testPage]) }
	m0, _ := readMeta(at(0))
	m1, _ := readMeta(at(1))
	if m1.transaction > m0.transaction {
		m0 = m1
	}
	s.free = at(m0.freelist)
	_, bucket, _ := at(m0.root).pair(0)
	s.branch = at(order.Uint64(bucket))
	for i := 0; s.leaf == nil || s.leaf.overflow() > 0 || s.leaf.count() < 10; i++ {
		_, child := s.branch.child(i)
		s.leaf = at(child)
	}
	if s.branch.flags() != branchFlag || s.leaf.flags() != leafFlag || s.free.count() == 0 {
		t.Fatalf("sample has no branch, leaf and free page")
	}
	return s
}

func (s *surgery) put64(b []byte, v uint64) { order.PutUint64(b, v) }

func (s *surgery) key(p page, i int) []byte {
	key, _, _ := p.pair(i)
	return key
}

func (s *surgery) swapKeys(p page, i, j int) {
	a, b := s.key(p, i), s.key(p, j)
	for n := range a {
		a[n], b[n] = b[n], a[n]
	}
}

// TestDeepFiles: pages below pages without end are a finding, and no overflow of the
// stack, of Check or of bbolt.
func TestDeepFiles(t *testing.T) {
	file, err := os.ReadFile(sample(t))
	must(t, err)
	m, sound := readMeta(page(file[:testPage]))
	if other, ok := readMeta(page(file[testPage : 2*testPage])); !sound || ok && other.transaction > m.transaction {
		m = other
	}
	highWater := m.highWater + 4*depthMax
	file = append(file[:m.highWater*testPage], make([]byte, (highWater-m.highWater)*testPage)...)
	root := m.highWater
	for id := root; id < highWater; id++ { // each has the next for its only child
		p := file[id*testPage:]
		order.PutUint64(p, id)
		order.PutUint16(p[8:], branchFlag)
		order.PutUint16(p[10:], 1)
		order.PutUint32(p[headerBytes:], elementBytes)
		order.PutUint64(p[headerBytes+8:], id+1)
	}
	c := checker{file: bytes.NewReader(file), pageBytes: testPage, highWater: highWater, seen: make([]bool, highWater), walkable: true}
	var all []string
	c.report = func(what string) { all = append(all, what) }
	must(t, c.tree(root, span{}))
	if len(all) != 1 || !strings.Contains(all[0], "levels deep") || c.walkable || c.depth != 0 {
		t.Errorf("walkable %v, at depth %d: %v", c.walkable, c.depth, all)
	}
}

// FuzzCheck: no content makes Check panic, or run without end. A sound file is
// patched, its meta pages are made sound again, and the end is cut off.
func FuzzCheck(ff *testing.F) {
	f := fuzz.New(ff)
	dir := f.TempDir()
	path := filepath.Join(dir, "db")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{PageSize: 1024})
	must(f, err)
	must(f, db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucket([]byte("b"))
		for i := range 100 {
			if err == nil {
				err = b.Put([]byte{byte(i)}, make([]byte, 20))
			}
		}
		return err
	}))
	must(f, db.Close())
	content, err := os.ReadFile(path)
	must(f, err)
	f.Add([]byte{}, uint16(0))
	pages := len(content) / 1024
	for page := range pages {
		at := page << 16 / pages
		f.Add([]byte{byte(at >> 8), byte(at), 7, 255, 255, 255, 255, 255, 255, 255, 255}, uint16(page))
	}
	file := make([]byte, len(content))
	f.Bound(0, 1<<20)
	f.Fuzz(func(t testing.TB, script []byte, lost uint16) {
		file := file[:copy(file, content)]
		fuzz.Patch(file, script)
		for page := range 2 {
			meta := file[page*1024+headerBytes:]
			sum := fnv.New64a()
			sum.Write(meta[:metaBytes-8])
			order.PutUint64(meta[metaBytes-8:], sum.Sum64())
		}
		file = file[:len(file)-int(lost)%len(file)]
		if _, err := Check(bytes.NewReader(file), int64(len(file)), 1024, func(string) {}); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("unexpected error: %v", err)
		}
	})
}
