package state

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/lockstep-exec/lockstep/protocol"
)

// bulkDatabase makes a closed database of several levels of pages, written by
// several checkpoints.
func bulkDatabase(t *testing.T, heights protocol.Height) (dir string) {
	t.Helper()
	s, dir := makeStore(t, Options{})
	for h := protocol.Height(1); h <= heights; h++ {
		must(t, commitBulk(s, h))
		must(t, s.Flush(background, h, LogPosition{}, protocol.Config{}, 1))
	}
	must(t, s.Close())
	return dir
}

// verdict is what reading a damaged database came to.
type verdict struct {
	refused bool // cannot be opened
	damaged bool // a read found damage
	silent  int  // pairs that seem absent, without an error
	scan    bool // the scan found damage
}

// TestFlippedBits flips one bit of the file at a time. Whatever the bit: no
// crash, no wrong value, and the scan finds everything that matters.
func TestFlippedBits(t *testing.T) {
	dir := bulkDatabase(t, 8)
	path := filepath.Join(dir, FileName)
	sound, err := os.ReadFile(path)
	must(t, err)
	rng := rand.New(rand.NewPCG(3, 3))
	flips := 500
	if testing.Short() {
		flips = 150
	}
	used := len(bytes.TrimRight(sound, "\x00")) // the file grows ahead of its use
	count := map[string]int{}
	for range flips {
		at, bit := rng.IntN(used), byte(1)<<rng.IntN(8)
		must(t, patch(path, int64(at), sound[at]^bit))
		v := judge(t, dir)
		switch {
		case v.silent > 0 && !v.scan && !v.damaged:
			t.Fatalf("byte %d, bit %b: %d pairs are missing and nobody says so", at, bit, v.silent)
		case v.refused:
			count["refused"]++
		case v.silent > 0:
			count["found by scan, missing in reads"]++
		case v.damaged:
			count["found by reads"]++
		case v.scan:
			count["found by scan only, reads are right"]++
		default:
			count["harmless"]++
		}
		must(t, patch(path, int64(at), sound[at]))
	}
	t.Logf("of %d flips in %d bytes: %v", flips, used, count)
	if count["found by reads"] == 0 {
		t.Error("no flip was found by a read: the test does not test")
	}
}

func patch(path string, at int64, b byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte{b}, at)
	return errors.Join(err, f.Close())
}

// judge reads the database in all ways and fails the test on a wrong value.
func judge(t *testing.T, dir string) (v verdict) {
	t.Helper()
	report, err := ScanDatabase(dir, nil)
	must(t, err)
	v.scan = report.Findings > 0
	s, err := Open(dir, Options{ReadOnly: true})
	if err != nil {
		wantErr(t, err, ErrDamaged)
		if !v.scan {
			t.Fatalf("scan is content with what cannot be opened: %v", err)
		}
		return verdict{refused: true}
	}
	defer s.Close()
	// A broken meta page of bbolt gives the checkpoint before: an old state, and
	// a sound one.
	want := bulkState(s.CommittedHeight())
	judgeReads(t, s, want, &v)
	judgeScan(t, s, want, &v)
	return v
}

func judgeReads(t *testing.T, s *Store, want pairs, v *verdict) {
	t.Helper()
	view, err := s.View(s.CommittedHeight())
	if err != nil {
		wantErr(t, err, ErrDamaged)
		v.damaged = true
		return
	}
	defer view.Close()
	for key, value := range want {
		got, ok, err := view.Get([]byte(key))
		switch {
		case err != nil:
			wantErr(t, err, ErrDamaged)
			v.damaged = true
		case !ok:
			v.silent++
		case string(got) != value:
			t.Fatalf("%s is %q, want %q", key, got, value)
		}
	}
}

func judgeScan(t *testing.T, s *Store, want pairs, v *verdict) {
	t.Helper()
	got := pairs{}
	_, err := s.Scan(func(key, value []byte) error {
		got[string(key)] = string(value)
		return nil
	})
	switch {
	case err != nil:
		wantErr(t, err, ErrDamaged)
		v.damaged = true
	case !maps.Equal(got, want) && !v.scan:
		t.Fatalf("a scan gives another state, and nobody says so")
	}
}

// corrupt changes what is stored under a key, and tells bbolt that it is right.
func corrupt(t *testing.T, dir string, change func(pairs *bbolt.Bucket) error) {
	t.Helper()
	must(t, edit(filepath.Join(dir, FileName), func(tx *bbolt.Tx) error { return change(tx.Bucket(pairsBucket)) }, 0))
}

func TestDamageIsNamedAndScannedPast(t *testing.T) {
	s, dir := makeStore(t, Options{})
	advance(t, s, put("a", "1"), put("b", "2"), put("c", "3"), put("d", "4"))
	flushTo(t, s, 1)
	must(t, s.Close())
	corrupt(t, dir, func(p *bbolt.Bucket) error { // two values change places
		b, c := bytes.Clone(p.Get([]byte("b"))), bytes.Clone(p.Get([]byte("c")))
		return errors.Join(p.Put([]byte("b"), c), p.Put([]byte("c"), b))
	})
	var seen []string
	report, err := ScanDatabase(dir, func(p Pair) error {
		seen = append(seen, string(p.Key)+"="+string(p.Value))
		return nil
	})
	must(t, err)
	if want := (pairs{"a": "1", "d": "4"}); report.Pairs != 2 || report.Findings != 3 || report.Digest != want.digest() {
		t.Errorf("report %+v", report)
	}
	if len(seen) != 4 || seen[1] != "b=" || seen[3] != "d=4" {
		t.Errorf("scan saw %q", seen)
	}
	s = openStore(t, dir, Options{})
	v, err := s.View(1)
	must(t, err)
	defer v.Close()
	wantGet(t, v, "a", "1")
	_, _, err = v.Get([]byte("b"))
	var damage *DamageError
	if !errors.As(err, &damage) || string(damage.Key) != "b" {
		t.Errorf("error %v does not name the key", err)
	}
	_, err = s.Scan(func(_, _ []byte) error { return nil })
	wantErr(t, err, ErrDamaged)
}

// TestMissingPairIsFoundByDigest takes away a pair in a way that leaves all
// pages and checksums right.
func TestMissingPairIsFoundByDigest(t *testing.T) {
	dir := bulkDatabase(t, 2)
	corrupt(t, dir, func(p *bbolt.Bucket) error { return p.Delete([]byte("key/000001")) })
	report, err := ScanDatabase(dir, nil)
	must(t, err)
	wantErr(t, report.Err(), ErrDamaged)
	if report.Findings != 1 {
		t.Errorf("findings %v", report.Damage)
	}
}

func TestScanEndsAtErrorOfCaller(t *testing.T) {
	dir := bulkDatabase(t, 2)
	enough := errors.New("enough")
	n := 0
	stop := func() error {
		if n++; n == 3 {
			return enough
		}
		return nil
	}
	_, err := ScanDatabase(dir, func(Pair) error { return stop() })
	wantErr(t, err, enough)
	s := openStore(t, dir, Options{})
	n = 0
	_, err = s.Scan(func(_, _ []byte) error { return stop() })
	wantErr(t, err, enough)
	if st := s.Stats(); n != 3 || st.OpenViews != 0 {
		t.Errorf("%d calls, %d views open", n, st.OpenViews)
	}
}

// TestDamagedKeyIsFoundByItsAbsence damages keys, not values, and looks for
// what they were.
func TestDamagedKeyIsFoundByItsAbsence(t *testing.T) {
	dir := bulkDatabase(t, 8)
	path := filepath.Join(dir, FileName)
	sound, err := os.ReadFile(path)
	must(t, err)
	want := bulkState(8)
	for _, key := range []string{"key/000003", "key/000500", "key/000996"} {
		for at := range sound { // every copy there is, old pages included
			if !bytes.HasPrefix(sound[at:], []byte(key)) {
				continue
			}
			for bit := range 8 * len(key) {
				i := at + bit/8
				must(t, patch(path, int64(i), sound[i]^1<<(bit%8)))
				if value, err := getOne(t, dir, key); err == nil && value != want[key] {
					t.Errorf("%s at %d, bit %d: got %q, want %q", key, at, bit, value, want[key])
				} else if err != nil {
					wantErr(t, err, ErrDamaged)
				}
				must(t, patch(path, int64(i), sound[i]))
			}
		}
	}
}

// getOne opens a database for one read.
func getOne(t *testing.T, dir, key string) (string, error) {
	t.Helper()
	s, err := Open(dir, Options{ReadOnly: true})
	must(t, err)
	defer s.Close()
	v, err := s.View(s.CommittedHeight())
	must(t, err)
	defer v.Close()
	value, _, err := v.Get([]byte(key))
	return string(value), err
}

// TestPanicWhileWriting breaks a page that a checkpoint must change. The store
// is poisoned, can still be closed, and lets go of its lock.
func TestPanicWhileWriting(t *testing.T) {
	dir := bulkDatabase(t, 8)
	path := filepath.Join(dir, FileName)
	s := openStore(t, dir, Options{})
	v, err := s.View(8)
	must(t, err)
	sound, err := os.ReadFile(path)
	must(t, err)
	for page := 2 * 4096; page < len(sound); page += 4096 {
		if flags := sound[page+8]; flags == 0x02 { // leaf pages
			must(t, patch(path, int64(page), sound[page]^0x40)) // is another page now
		}
	}
	must(t, commitBulk(s, 9))
	err = s.Flush(background, 9, LogPosition{}, protocol.Config{}, 1)
	wantErr(t, err, ErrPoisoned)
	wantErr(t, err, ErrDamaged)
	_, _, err = v.Get([]byte("key/000001"))
	wantErr(t, err, ErrPoisoned)
	must(t, s.Close())
	must(t, os.WriteFile(path, sound, 0o600))
	if s := openStore(t, dir, Options{}); s.CommittedHeight() != 8 {
		t.Errorf("height %d", s.CommittedHeight())
	}
}

// TestFileCutWhileOpen cuts the file under an open store, which makes reads
// fault: an error, not the end of the process.
func TestFileCutWhileOpen(t *testing.T) {
	dir := bulkDatabase(t, 8)
	s := openStore(t, dir, Options{})
	v, err := s.View(8)
	must(t, err)
	must(t, os.Truncate(filepath.Join(dir, FileName), 2*4096))
	_, _, err = v.Get([]byte("key/000001"))
	wantErr(t, err, ErrDamaged)
	_, err = s.Scan(func(_, _ []byte) error { return nil })
	wantErr(t, err, ErrDamaged)
	must(t, commitBulk(s, 9))
	err = s.Flush(background, 9, LogPosition{}, protocol.Config{}, 1)
	wantErr(t, err, ErrPoisoned)
	wantErr(t, err, ErrDamaged)
}
