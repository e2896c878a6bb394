package state

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
)

// The state of the concurrent test is a function of the height: key i is
// written at every multiple of i+1, and deleted at every third of those.
const formulaKeys = 40

func formulaKey(i int) string { return fmt.Sprintf("key/%02d", i) }

func formulaWrites(h protocol.Height) (writes []protocol.WriteOp) {
	for i := range formulaKeys {
		if every := protocol.Height(i + 1); h%every != 0 {
			continue
		} else if h/every%3 == 2 {
			writes = append(writes, del(formulaKey(i)))
		} else {
			writes = append(writes, put(formulaKey(i), fmt.Sprint(h)))
		}
	}
	return writes
}

// formulaValue is the value of key i as of a height, or "-".
func formulaValue(i int, h protocol.Height) string {
	every := protocol.Height(i + 1)
	n := h / every
	if n == 0 || n%3 == 2 {
		return "-"
	}
	return fmt.Sprint(n * every)
}

func formulaState(h protocol.Height) pairs {
	p := pairs{}
	for i := range formulaKeys {
		if value := formulaValue(i, h); value != "-" {
			p[formulaKey(i)] = value
		}
	}
	return p
}

func checkFormula(t tb, v *View) {
	t.Helper()
	for i := range formulaKeys {
		wantGet(t, v, formulaKey(i), formulaValue(i, v.AsOf()))
	}
}

// TestEverythingAtOnce has one goroutine stage, drop and commit, one flush, and
// several read as of all heights there are, each through views that several
// goroutines share. Meant for the race detector.
func TestEverythingAtOnce(t *testing.T) {
	t.Run("map of normal size", func(t *testing.T) { everythingAtOnce(t, Options{}) })
	t.Run("map that must grow", func(t *testing.T) { everythingAtOnce(t, Options{MapBytes: 1}) })
}

func everythingAtOnce(t *testing.T, opts Options) {
	const heights = 400
	s, dir := makeStore(t, opts)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(done)
		write(t, s, heights)
	})
	wg.Go(func() { flushUntil(t, s, done) })
	for seed := range uint64(3) {
		wg.Go(func() { readUntil(t, s, rand.New(rand.NewPCG(seed, 0)), done) })
	}
	wg.Go(func() { scanUntil(t, s, done) })
	wg.Wait()
	if t.Failed() {
		return
	}
	flushTo(t, s, heights)
	if st := s.Stats(); st.OpenViews != 0 || st.PinnedBytes != 0 || s.table.keyCount() != 0 {
		t.Fatalf("after the last flush: %+v, %d keys in memory", st, s.table.keyCount())
	}
	must(t, s.Close())
	if report := verified(t, dir); report.Digest != formulaState(heights).digest() {
		t.Fatalf("digest %v", report.Digest)
	}
}

// failing lets helpers report from other goroutines, where Fatalf must not be
// called: it panics with an error that guardTest takes for a failure.
type failing struct{ t *testing.T }

type failure string

func (f failing) Helper()                           { f.t.Helper() }
func (f failing) Fatalf(format string, args ...any) { panic(failure(fmt.Sprintf(format, args...))) }

// catch is deferred by goroutines that use failing.
func (f failing) catch() {
	if p := recover(); p != nil {
		if message, ok := p.(failure); ok {
			f.t.Error(string(message))
			return
		}
		panic(p)
	}
}

func write(t *testing.T, s *Store, heights protocol.Height) {
	f := failing{t}
	defer f.catch()
	for h := protocol.Height(1); h <= heights; h++ {
		must(f, s.Stage(h, formulaWrites(h)))
		for wrong := range protocol.Height(3) { // attempts that come to nothing
			must(f, s.Stage(h+1+wrong, []protocol.WriteOp{put("key/00", "wrong"), put("wrong", "wrong")}))
		}
		if h%5 == 0 {
			s.Drop(h)
			must(f, s.Stage(h, formulaWrites(h)))
		}
		s.Drop(h + 1)
		c := committed(h)
		c.Digest = formulaState(h).digest()
		must(f, s.Commit(c))
	}
}

func flushUntil(t *testing.T, s *Store, done <-chan struct{}) {
	f := failing{t}
	defer f.catch()
	rng := rand.New(rand.NewPCG(7, 7))
	for !isClosed(done) {
		from, to := s.Checkpoint().Height(), s.CommittedHeight()
		flushTo(f, s, from+protocol.Height(rng.Uint64N(uint64(to-from)+1)))
		s.release()
	}
}

func readUntil(t *testing.T, s *Store, rng *rand.Rand, done <-chan struct{}) {
	f := failing{t}
	defer f.catch()
	for !isClosed(done) {
		from, to := s.Checkpoint().Height(), s.CommittedHeight()
		asOf := from + protocol.Height(rng.Uint64N(uint64(to-from)+1))
		v, err := s.ViewCommitted(asOf)
		if errors.Is(err, ErrPruned) {
			continue
		}
		must(f, err)
		readShared(t, v)
		v.Close()
	}
}

// readShared reads one view from several goroutines.
func readShared(t *testing.T, v *View) {
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			f := failing{t}
			defer f.catch()
			checkFormula(f, v)
		})
	}
	wg.Wait()
}

func scanUntil(t *testing.T, s *Store, done <-chan struct{}) {
	f := failing{t}
	defer f.catch()
	for !isClosed(done) {
		got, at := scanAll(f, s)
		if want := formulaState(at.Height()); !maps.Equal(got, want) {
			f.Fatalf("scan as of height %d: %v, want %v", at.Height(), got, want)
		}
	}
}

func isClosed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// TestExecutionViewsSeeOneAttempt reads staged heights while they are dropped
// and staged again with other values: all reads of a view are of one attempt,
// or it fails.
func TestExecutionViewsSeeOneAttempt(t *testing.T) {
	s, _ := makeStore(t, Options{})
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(done)
		for i := range 3000 {
			value := fmt.Sprint(i)
			if err := s.Stage(1, []protocol.WriteOp{put("a", value), put("b", value)}); err != nil {
				t.Error(err)
			}
			s.Drop(1)
		}
	})
	for range 2 {
		wg.Go(func() {
			for !isClosed(done) {
				if err := readTwice(s); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func readTwice(s *Store) error {
	v, err := s.View(1)
	if err != nil {
		return ignore(err, ErrNotStaged)
	}
	defer v.Close()
	a, ok, err := v.Get([]byte("a"))
	if err != nil {
		return ignore(err, ErrDropped)
	}
	b, _, err := v.Get([]byte("b"))
	if err != nil {
		return ignore(err, ErrDropped)
	}
	if !ok || string(a) != string(b) {
		return fmt.Errorf("a is %q (%t), b is %q", a, ok, b)
	}
	return nil
}

func ignore(err, harmless error) error {
	if errors.Is(err, harmless) {
		return nil
	}
	return err
}

// TestCloseWhileInUse closes the store under views that are opened and read.
func TestCloseWhileInUse(t *testing.T) {
	for range 30 {
		s, _ := makeStore(t, Options{})
		advance(t, s, put("a", "1"))
		flushTo(t, s, 1)
		started := make(chan struct{}, 2)
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				for i := 0; ; i++ {
					v, err := s.ViewCommitted(1)
					if err == nil {
						_, _, err = v.Get([]byte("a"))
						v.Close()
					}
					if errors.Is(err, ErrClosed) {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
					if i == 3 {
						started <- struct{}{}
					}
				}
			})
		}
		<-started
		must(t, s.Close())
		wg.Wait()
	}
}
