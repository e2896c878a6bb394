package history

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
)

func TestCreateOpenAppendReopen(t *testing.T) {
	dir, decisions := t.TempDir(), chain(700)
	mustCreate(t, dir)
	h := mustOpen(t, dir)
	wantExactly(t, h, testMeta(), nil)
	for _, n := range []int{1, 2, 2, 300, 700} { // 2 twice: the meta alone
		must(t, h.Append(metaAt(protocol.Height(n)), decisions[h.Height():n]))
		wantExactly(t, h, metaAt(protocol.Height(n)), decisions[:n])
		must(t, h.Close())
		wantSound(t, dir)
		h = mustOpen(t, dir)
		wantExactly(t, h, metaAt(protocol.Height(n)), decisions[:n])
	}
	must(t, h.Close())
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	mustCreate(t, dir)
	if names := namesIn(t, dir); !slices.Equal(names, []string{FileName}) {
		t.Fatalf("directory holds %v", names)
	}
	info, err := os.Stat(historyFile(dir))
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Fatalf("mode is %v", info.Mode())
	}
	wantErr(t, Create(dir, testMeta(), Options{}), ErrExist, fs.ErrExist)

	// What a crash in Create leaves: an unfinished file, or a second name.
	must(t, os.WriteFile(filepath.Join(dir, unfinishedPrefix+"1"), []byte("half"), 0o600))
	must(t, os.Link(historyFile(dir), filepath.Join(dir, unfinishedPrefix+"2")))
	h := mustOpen(t, dir)
	wantExactly(t, h, testMeta(), nil)
	must(t, h.Close())
	if names := namesIn(t, dir); !slices.Equal(names, []string{FileName}) {
		t.Fatalf("directory holds %v", names)
	}
}

func TestOpenNothing(t *testing.T) {
	dir := t.TempDir()
	for _, open := range []func() (*History, error){
		func() (*History, error) { return Open(dir, Options{}) },
		func() (*History, error) { return OpenReadOnly(dir) },
	} {
		_, err := open()
		wantErr(t, err, ErrNotExist, fs.ErrNotExist)
	}
	if names := namesIn(t, dir); len(names) != 0 {
		t.Fatalf("opening has made %v", names)
	}
	must(t, os.WriteFile(historyFile(dir), nil, 0o600))
	_, err := Open(dir, Options{})
	wantErr(t, err, ErrDamaged)
	must(t, os.WriteFile(historyFile(dir), make([]byte, 100_000), 0o600))
	_, err = Open(dir, Options{})
	wantErr(t, err, ErrDamaged)
	wantErr(t, Create(filepath.Join(dir, "absent"), testMeta(), Options{}), fs.ErrNotExist)
}

func TestLocked(t *testing.T) {
	dir := built(t, chain(3))
	h := mustOpen(t, dir)
	_, err := Open(dir, Options{})
	wantErr(t, err, ErrLocked)
	_, err = OpenReadOnly(dir)
	wantErr(t, err, ErrLocked)
	must(t, h.Close())

	first, err := OpenReadOnly(dir)
	must(t, err)
	second, err := OpenReadOnly(dir) // readers share
	must(t, err)
	_, err = Open(dir, Options{})
	wantErr(t, err, ErrLocked)
	must(t, errors.Join(first.Close(), second.Close()))
	must(t, mustOpen(t, dir).Close())
}

func TestReadOnlyChangesNothing(t *testing.T) {
	dir, decisions := built(t, chain(50)), chain(51)
	leftover := filepath.Join(dir, unfinishedPrefix+"1")
	must(t, os.WriteFile(leftover, []byte("half"), 0o600))
	must(t, os.Chmod(historyFile(dir), 0o400))
	before, err := os.ReadFile(historyFile(dir))
	must(t, err)
	h, err := OpenReadOnly(dir)
	must(t, err)
	wantExactly(t, h, metaAt(50), decisions[:50])
	wantErr(t, h.Append(metaAt(51), decisions[50:]), ErrReadOnly)
	must(t, h.Verify(func(d *DamageError) { t.Errorf("finding: %v", d) }))
	must(t, h.Close())
	after, err := os.ReadFile(historyFile(dir))
	must(t, err)
	if !slices.Equal(before, after) || len(namesIn(t, dir)) != 2 {
		t.Fatal("reading has changed the directory")
	}
}

func TestClosed(t *testing.T) {
	dir, decisions := built(t, chain(2)), chain(3)
	h := mustOpen(t, dir)
	must(t, h.Close())
	must(t, h.Close())
	wantDead(t, h, ErrClosed, decisions[2:])
}

// wantDead checks that every call that can fail does.
func wantDead(t tb, h *History, want error, more []*protocol.Decision) {
	t.Helper()
	_, _, err := h.ByHeight(1)
	wantErr(t, err, want)
	_, _, err = h.ByHeight(0)
	wantErr(t, err, want)
	_, _, err = h.ByKey(testKey(1))
	wantErr(t, err, want)
	_, err = h.Last()
	wantErr(t, err, want)
	wantErr(t, h.Range(1, 0, func(*protocol.Decision) error { return nil }), want)
	wantErr(t, h.Range(1<<40, 0, func(*protocol.Decision) error { return nil }), want)
	wantErr(t, h.Append(metaAt(1<<20), more), want)
	wantErr(t, h.Append(metaAt(1<<20), nil), want)
	wantErr(t, h.Verify(func(*DamageError) {}), want)
	wantErr(t, h.Err(), want)
}

// TestDecisionsOutliveTheFile pins that results do not point into the map of
// the file, which Close takes away.
func TestDecisionsOutliveTheFile(t *testing.T) {
	decisions := chain(9)
	h := mustOpen(t, built(t, decisions))
	byHeight, _, err := h.ByHeight(9)
	must(t, err)
	byKey, _, err := h.ByKey(testKey(9))
	must(t, err)
	meta := h.Meta()
	must(t, h.Close())
	if !sameDecision(byHeight, decisions[8]) || !sameDecision(byKey, decisions[8]) || !sameMeta(meta, metaAt(9)) {
		t.Fatal("results changed")
	}
}

func TestMetaIsACopy(t *testing.T) {
	h := mustOpen(t, built(t, chain(1)))
	given := metaAt(2)
	must(t, h.Append(given, nil))
	given.Joined[1] = protocol.DirectoryID{99}
	h.Meta().Joined[1] = protocol.DirectoryID{98}
	if !sameMeta(h.Meta(), metaAt(2)) {
		t.Fatalf("meta is %+v", h.Meta())
	}
	must(t, h.Close())
}

func TestRange(t *testing.T) {
	decisions := chain(2*batchDecisions + 10)
	n := len(decisions)
	h := mustOpen(t, built(t, decisions))
	defer h.Close()
	for _, c := range []struct{ from, limit, first, count int }{
		{0, 0, 1, n}, {1, -1, 1, n}, {1, n, 1, n}, {1, n + 5, 1, n}, {5, 3, 5, 3},
		{n, 0, n, 1}, {n + 1, 0, 0, 0}, {200, 300, 200, 300}, {1, 1, 1, 1},
	} {
		var got []*protocol.Decision
		must(t, h.Range(protocol.Height(c.from), c.limit, func(d *protocol.Decision) error {
			if _, found, err := h.ByKey(d.Key); !found || err != nil { // fn may call
				return errors.Join(err, errors.New("not found"))
			}
			got = append(got, d)
			return nil
		}))
		if len(got) != c.count || (c.count > 0 && got[0].Height() != protocol.Height(c.first)) {
			t.Fatalf("from %d limit %d: %d decisions", c.from, c.limit, len(got))
		}
	}
	stop := errors.New("stop")
	if err := h.Range(1, 0, func(*protocol.Decision) error { return stop }); err != stop {
		t.Fatalf("error is %v", err)
	}
}

// TestRangeBoundsMemory: blocks of a million transactions come a few at a time.
func TestRangeBoundsMemory(t *testing.T) {
	var decisions []*protocol.Decision
	var below *protocol.Decision
	for h := range protocol.Height(7) {
		below = nextDecision(below, 3, testKey(h), testOutcomes(1_000_000))
		decisions = append(decisions, below)
	}
	h := mustOpen(t, built(t, decisions))
	defer h.Close()
	batch, err := h.batch(1, batchDecisions)
	must(t, err)
	if len(batch) != 5 {
		t.Fatalf("a batch has %d decisions", len(batch))
	}
	wantExactly(t, h, metaAt(7), decisions)
}

// TestReadersBesideWriter: a reader sees a prefix, at least up to the height it
// has seen before.
func TestReadersBesideWriter(t *testing.T) {
	dir, decisions := t.TempDir(), chain(400)
	mustCreate(t, dir)
	h, err := Open(dir, Options{MapBytes: 1}) // so that the file outgrows its map
	must(t, err)
	var readers sync.WaitGroup
	done := make(chan struct{})
	for range 3 {
		readers.Go(func() {
			for {
				readOnce(t, h, decisions)
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for from := 0; from < len(decisions); from += 8 {
		to := min(from+8, len(decisions))
		must(t, h.Append(metaAt(protocol.Height(to)), decisions[from:to]))
	}
	close(done)
	readers.Wait()
	wantExactly(t, h, metaAt(400), decisions)
	must(t, h.Close())
	wantSound(t, dir)
}

func readOnce(t *testing.T, h *History, decisions []*protocol.Decision) {
	low := h.Height()
	if low > 0 {
		wantFound(t, decisions[low-1])(h.ByKey(decisions[low-1].Key))
		wantFound(t, decisions[low/2])(h.ByHeight(low/2 + 1))
	}
	next := low
	if next >= 5 {
		next -= 5
	}
	from := next
	if err := h.Range(from+1, 0, func(d *protocol.Decision) error {
		if next++; !sameDecision(d, decisions[next-1]) {
			t.Errorf("range gives height %d in place of %d", d.Height(), next)
		}
		return nil
	}); err != nil || next < low {
		t.Errorf("range from %d ended at %d, height was %d: %v", from, next, low, err)
	}
}
