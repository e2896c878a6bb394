package history

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/lockstep-exec/lockstep/protocol"
)

// flip changes one byte of a file.
func flip(t tb, path string, offset int64, mask byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	b := make([]byte, 1)
	_, err = f.ReadAt(b, offset)
	must(t, err)
	b[0] ^= mask
	_, err = f.WriteAt(b, offset)
	must(t, errors.Join(err, f.Close()))
}

// copied puts a history file into a directory of its own.
func copied(t *testing.T, content []byte) (dir string) {
	t.Helper()
	dir = t.TempDir()
	must(t, os.WriteFile(historyFile(dir), content, 0o600))
	return dir
}

// TestFlippedContent: a changed byte of a key or value is found by the read
// that meets it, by Verify, and never served.
func TestFlippedContent(t *testing.T) {
	decisions := chain(40)
	content := used(t, built(t, decisions))
	for _, d := range decisions {
		height, key := heightBytes(d.Height()), []byte(d.Key)
		for _, entry := range [][]byte{
			append(height, seal(height, protocol.EncodeRecord(d))...),
			append(key, seal(key, height)...),
		} {
			at := bytes.Index(content, entry)
			if at < 0 {
				t.Fatalf("height %d: %x is not in the file", d.Height(), entry)
			}
			at += rand.IntN(len(entry))
			dir := copied(t, content)
			flip(t, historyFile(dir), int64(at), 1<<rand.IntN(8))
			if len(findings(t, dir)) == 0 || servesNothingWrong(t, dir, decisions) == 0 {
				t.Fatalf("height %d: change at byte %d was not found", d.Height(), at)
			}
		}
	}
}

// used gives the bytes of a history file up to its last page.
func used(t *testing.T, dir string) []byte {
	t.Helper()
	h, err := OpenReadOnly(dir)
	must(t, err)
	defer h.Close()
	content := make([]byte, usedBytes(t, h))
	_, err = h.file.ReadAt(content, 0)
	must(t, err)
	return content
}

// servesNothingWrong reads everything there is. An error is fine; a decision
// that is not the right one is not, and neither is a height or key that should
// be there and is not.
func servesNothingWrong(t tb, dir string, decisions []*protocol.Decision) (errs int) {
	t.Helper()
	h, err := Open(dir, Options{})
	if err != nil {
		wantErr(t, err, ErrDamaged)
		return 1
	}
	defer h.Close()
	for _, want := range decisions[:h.Height()] {
		for _, read := range []func() (*protocol.Decision, bool, error){
			func() (*protocol.Decision, bool, error) { return h.ByHeight(want.Height()) },
			func() (*protocol.Decision, bool, error) { return h.ByKey(want.Key) },
		} {
			d, found, err := read()
			switch {
			case err != nil:
				wantErr(t, err, ErrDamaged)
				errs++
			case !found || !sameDecision(d, want):
				t.Fatalf("height %d: found %v: %+v", want.Height(), found, d)
			}
		}
	}
	return errs
}

// flips is how many places of the file TestFlippedAnywhere tries.
const flips = 200

// TestFlippedAnywhere changes random bytes of the file, structure included, and
// looks at it in a child, because some of that may end a process.
func TestFlippedAnywhere(t *testing.T) {
	decisions := chain(400)
	dir := copied(t, used(t, built(t, decisions)))
	out, err := child("findings", dir).Output()
	wantChild(t, err)
	t.Logf("of %d flips: %s", flips, out)
}

// printFindings is the child of TestFlippedAnywhere. After every flip, Verify
// must find something, or everything must read as it was.
func printFindings(dir string) error {
	t, decisions := panicking{}, chain(400)
	content, err := os.ReadFile(historyFile(dir))
	must(t, err)
	random := rand.New(rand.NewPCG(3, 4))
	found, slack := 0, 0
	for range flips {
		offset, mask := random.Int64N(int64(len(content))), byte(1)<<random.IntN(8)
		flip(t, historyFile(dir), offset, mask)
		if all := findings(t, dir); len(all) > 0 {
			found++
		} else {
			slack++
			h, err := OpenReadOnly(dir)
			must(t, err)
			wantExactly(t, h, metaAt(400), decisions)
			must(t, h.Close())
		}
		must(t, os.WriteFile(historyFile(dir), content, 0o600))
	}
	fmt.Printf("%d found, %d in unused space", found, slack)
	return nil
}

// TestLostWrite: with its newest meta page damaged, a bbolt file opens as it
// was one write earlier. Verify says so; the Keep of that time is what tells
// the coordinator whether its log still has the rest.
func TestLostWrite(t *testing.T) {
	dir, decisions := t.TempDir(), chain(20)
	mustCreate(t, dir)
	h := mustOpen(t, dir)
	must(t, h.Append(metaAt(10), decisions[:10]))
	must(t, h.Append(metaAt(20), decisions[10:]))
	newest := newestMeta(t, h)
	must(t, h.Close())
	flip(t, historyFile(dir), newest+30, 4)

	all := findings(t, dir)
	if len(all) != 1 || !strings.Contains(all[0].Error(), "meta page is damaged") {
		t.Fatalf("findings: %v", all)
	}
	h = mustOpen(t, dir)
	wantExactly(t, h, metaAt(10), decisions[:10])
	must(t, h.Append(metaAt(20), decisions[10:]))
	must(t, h.Close())
	wantSound(t, dir)
}

// newestMeta gives the offset of the meta page that is in use.
func newestMeta(t *testing.T, h *History) int64 {
	t.Helper()
	tx, err := h.bolt.Begin(false)
	must(t, err)
	defer tx.Rollback()
	return int64(tx.ID()%2) * int64(h.bolt.Info().PageSize)
}

// TestFindings plants what only a program can do wrong, with sound checksums.
func TestFindings(t *testing.T) {
	decisions := chain(30)
	other := nextDecision(nil, 3, "other", protocol.Outcomes{})
	other.Attempt.Height = 7
	stored := func(h protocol.Height, d *protocol.Decision) []byte {
		return seal(heightBytes(h), protocol.EncodeRecord(d))
	}
	index := func(key string, h protocol.Height) []byte { return seal([]byte(key), heightBytes(h)) }
	key := func(h protocol.Height) []byte { return []byte(testKey(h)) }
	cases := map[string]struct {
		plant func(buckets) error
		want  string
		open  bool // it is found by opening already
	}{
		"missing decision":     {plant: func(b buckets) error { return b.heights.Delete(heightBytes(7)) }, want: "height 7: decision is missing"},
		"missing last":         {plant: func(b buckets) error { return b.heights.Delete(heightBytes(30)) }, want: "height 30", open: true},
		"decision too much":    {plant: func(b buckets) error { return b.heights.Put(heightBytes(31), stored(31, other)) }, want: "does not belong", open: true},
		"height 0":             {plant: func(b buckets) error { return b.heights.Put(heightBytes(0), []byte("x")) }, want: "does not belong"},
		"odd height":           {plant: func(b buckets) error { return b.heights.Put([]byte{0, 0, 0}, []byte("x")) }, want: "does not belong"},
		"other decision":       {plant: func(b buckets) error { return b.heights.Put(heightBytes(7), stored(7, other)) }, want: "does not continue the chain"},
		"decision of another":  {plant: func(b buckets) error { return b.heights.Put(heightBytes(7), stored(7, decisions[7])) }, want: "holds the decision for height 8"},
		"no record":            {plant: func(b buckets) error { return b.heights.Put(heightBytes(7), seal(heightBytes(7), []byte("x"))) }, want: "cannot be read"},
		"short value":          {plant: func(b buckets) error { return b.heights.Put(heightBytes(7), []byte("x")) }, want: "shorter than its checksum"},
		"missing key":          {plant: func(b buckets) error { return b.keys.Delete(key(7)) }, want: "not in the key index"},
		"key leads elsewhere":  {plant: func(b buckets) error { return b.keys.Put(key(7), index(testKey(7), 8)) }, want: "key index leads to"},
		"key leads nowhere":    {plant: func(b buckets) error { return b.keys.Put(key(7), index(testKey(7), 99)) }, want: "leads to height 99"},
		"key too much":         {plant: func(b buckets) error { return b.keys.Put([]byte("z"), index("z", 7)) }, want: "key index leads to the decision"},
		"odd entry":            {plant: func(b buckets) error { return b.keys.Put([]byte("z"), seal([]byte("z"), []byte("7"))) }, want: "height of 1 bytes"},
		"meta of other height": {plant: func(b buckets) error { return b.putTip(tip{meta: metaAt(30), height: 29, root: decisions[28].Root}) }, want: "does not belong", open: true},
		"meta of other root":   {plant: func(b buckets) error { return b.putTip(tip{meta: metaAt(30), height: 30}) }, want: "the meta record says", open: true},
		"meta of lower epoch":  {plant: func(b buckets) error { return b.putTip(tip{meta: lowEpoch(), height: 30, root: decisions[29].Root}) }, want: "the highest claimed is 2"},
		"no meta":              {plant: func(b buckets) error { return b.meta.Delete(tipKey) }, want: "no meta record", open: true},
		"short meta":           {plant: func(b buckets) error { return b.meta.Put(tipKey, seal(tipKey, []byte{0, formatVersion, 1})) }, want: "too short", open: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := built(t, decisions)
			plant(t, dir, c.plant)
			all := findings(t, dir)
			if !slices.ContainsFunc(all, func(d *DamageError) bool { return strings.Contains(d.Error(), c.want) }) {
				t.Fatalf("findings %v, want %q", all, c.want)
			}
			h, err := Open(dir, Options{})
			if c.open {
				wantErr(t, err, ErrDamaged)
				return
			}
			must(t, err)
			must(t, h.Close())
		})
	}
}

func lowEpoch() Meta {
	m := metaAt(30)
	m.Epoch = 2
	return m
}

// plant changes the tables behind the back of this package.
func plant(t *testing.T, dir string, change func(buckets) error) {
	t.Helper()
	db, err := bbolt.Open(historyFile(dir), 0o600, nil)
	must(t, err)
	must(t, db.Update(func(tx *bbolt.Tx) error {
		b, err := bucketsOf(tx)
		if err != nil {
			return err
		}
		return change(b)
	}))
	must(t, db.Close())
}

func TestForeignFormat(t *testing.T) {
	dir := built(t, chain(3))
	plant(t, dir, func(b buckets) error { return b.meta.Put(tipKey, seal(tipKey, []byte{0, formatVersion + 1})) })
	_, err := Open(dir, Options{})
	wantErr(t, err, ErrFormat)
	_, err = OpenReadOnly(dir)
	wantErr(t, err, ErrFormat)
}

func TestForeignDatabase(t *testing.T) {
	dir := t.TempDir()
	db, err := bbolt.Open(historyFile(dir), 0o600, nil)
	must(t, err)
	must(t, db.Close())
	_, err = Open(dir, Options{})
	wantErr(t, err, ErrDamaged)
}

// TestBrokenPageWhileAppending: a crash inside bbolt poisons, lets nothing
// hang, and gives the file free.
func TestBrokenPageWhileAppending(t *testing.T) {
	decisions := chain(300)
	dir := built(t, decisions[:200])
	h := mustOpen(t, dir)
	root := rootOfHeights(t, h)
	flip(t, historyFile(dir), root+8, 0xFF) // the kind of the page
	err := h.Append(metaAt(300), decisions[200:])
	wantErr(t, err, ErrPoisoned, ErrDamaged)
	wantDead(t, h, ErrPoisoned, decisions[200:])
	must(t, h.Close())
	must(t, h.Close())

	flip(t, historyFile(dir), root+8, 0xFF)
	h = mustOpen(t, dir)
	wantExactly(t, h, metaAt(200), decisions[:200])
	must(t, h.Append(metaAt(300), decisions[200:]))
	must(t, h.Close())
	wantSound(t, dir)
}

// TestBrokenFreelist: bbolt panics while it opens; the file is free afterwards.
func TestBrokenFreelist(t *testing.T) {
	decisions := chain(200)
	dir := built(t, decisions)
	content, err := os.ReadFile(historyFile(dir))
	must(t, err)
	freelist := freelistPage(t, dir, content)
	flip(t, historyFile(dir), freelist+8, 0xFF)
	_, err = Open(dir, Options{})
	wantErr(t, err, ErrDamaged)
	if len(findings(t, dir)) == 0 {
		t.Fatal("nothing found")
	}
	flip(t, historyFile(dir), freelist+8, 0xFF)
	h := mustOpen(t, dir)
	wantExactly(t, h, metaAt(200), decisions)
	must(t, h.Close())
}

// rootOfHeights gives the offset of the root page of the table of decisions.
func rootOfHeights(t *testing.T, h *History) (offset int64) {
	t.Helper()
	must(t, h.view("test", func(b buckets) error {
		offset = int64(b.heights.Root()) * int64(h.bolt.Info().PageSize)
		return nil
	}))
	return offset
}

// freelistPage finds the newest list of free pages by its kind.
func freelistPage(t *testing.T, dir string, content []byte) int64 {
	t.Helper()
	h, err := OpenReadOnly(dir)
	must(t, err)
	defer h.Close()
	meta := content[newestMeta(t, h):]
	page := int64(meta[48]) | int64(meta[49])<<8
	return page * int64(h.bolt.Info().PageSize)
}

// TestCircle: page pointers that lead in circles would end any process that
// follows them; Verify says so instead.
func TestCircle(t *testing.T) {
	dir := built(t, chain(400))
	h := mustOpen(t, dir)
	root := rootOfHeights(t, h)
	must(t, h.Close())
	f, err := os.OpenFile(historyFile(dir), os.O_RDWR, 0)
	must(t, err)
	id := make([]byte, 8)
	_, err = f.ReadAt(id, root)
	must(t, err)
	_, err = f.WriteAt(id, root+16+8) // the first child of the root is the root
	must(t, errors.Join(err, f.Close()))
	all := findings(t, dir)
	if !slices.ContainsFunc(all, func(d *DamageError) bool { return strings.Contains(d.Error(), "in circles") }) {
		t.Fatalf("findings: %v", all)
	}
}
