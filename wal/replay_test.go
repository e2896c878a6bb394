package wal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestReplay(t *testing.T) {
	l := mustOpen(t, filepath.Join(scratch(t), "log"), Options{SegmentBytes: 300})
	defer l.Close()
	appendRun(t, l, 0, 20)
	must(t, l.TrimFront(5))
	count := func(from uint64) (n int) {
		must(t, l.Replay(from, func(seq uint64, rec Record) error {
			// The data belongs to us, and the log may be used meanwhile.
			clear(rec.Data)
			n++
			return l.Sync()
		}))
		return n
	}
	for from, want := range map[uint64]int{0: 16, 3: 16, 5: 16, 6: 15, 20: 1, 21: 0} {
		if got := count(from); got != want {
			t.Errorf("replay from %d gave %d records, want %d", from, got, want)
		}
	}
	wantRun(t, l, 0, 5, 20)
	if err := l.Replay(22, nil); !errors.Is(err, ErrRange) {
		t.Errorf("replay beyond the end: %v", err)
	}
	stop := errors.New("stop")
	if err := l.Replay(0, func(uint64, Record) error { return stop }); err != stop {
		t.Errorf("error of fn came back as %v", err)
	}
	err := l.Replay(0, func(seq uint64, _ Record) error { return l.TrimFront(seq + 3) })
	if !errors.Is(err, ErrRange) {
		t.Errorf("record trimmed during a replay: %v", err)
	}
}

// TestDamageUnderOpenLog changes files while the log is open. tidwall/wal gives
// out what it finds, or panics.
func TestDamageUnderOpenLog(t *testing.T) {
	opts := Options{SegmentBytes: 500}
	dir := filepath.Join(scratch(t), "log")
	fill(t, dir, opts, 40)
	second := segmentsOf(t, dir)[1]
	path := filepath.Join(dir, second.name)
	good, err := os.ReadFile(path)
	must(t, err)
	flipped := bytes.Clone(good)
	flipped[70] ^= 1
	for what, bad := range map[string][]byte{"flipped": flipped, "cut": good[:len(good)/2], "empty": {}, "gone": nil} {
		must(t, os.WriteFile(path, good, 0o600))
		l := mustOpen(t, dir, opts)
		if must(t, os.WriteFile(path, bad, 0o600)); bad == nil {
			must(t, os.Remove(path))
		}
		_, err := contents(l)
		if bad == nil && !errors.Is(err, os.ErrNotExist) || bad != nil && err == nil {
			t.Errorf("%s: %v", what, err)
		}
		var damage *DamageError
		if what == "flipped" && (!errors.As(err, &damage) || damage.Segment != second.name || damage.Seq < second.first) {
			t.Errorf("%s: %v", what, err)
		}
		if l.Err() != nil {
			t.Errorf("%s: what cannot be read does not stop the writing: %v", what, l.Err())
		}
		must(t, l.Close())
	}
}
