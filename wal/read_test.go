package wal

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"
)

// TestRead reads single records in any order, beside appends and a trim.
func TestRead(t *testing.T) {
	l := mustOpen(t, filepath.Join(scratch(t), "log"), Options{SegmentBytes: 300})
	appendRun(t, l, 0, 20)
	must(t, l.TrimFront(5))
	for _, seq := range []uint64{20, 5, 12, 6, 19} {
		rec, err := l.Read(seq)
		must(t, err)
		if !same(rec, payload(0, seq, sizeOf(seq))) {
			t.Errorf("record %d differs", seq)
		}
		clear(rec.Data) // it belongs to us
	}
	wantRun(t, l, 0, 5, 20)
	for _, seq := range []uint64{0, 4, 21} {
		if _, err := l.Read(seq); !errors.Is(err, ErrRange) {
			t.Errorf("read of %d: %v", seq, err)
		}
	}
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for seq := uint64(1); seq <= 20; seq++ {
				if _, err := l.Read(seq); err != nil && !errors.Is(err, ErrRange) {
					t.Errorf("read of %d: %v", seq, err)
				}
			}
		})
	}
	appendRun(t, l, 0, 20)
	must(t, l.TrimFront(30))
	readers.Wait()
	must(t, l.Close())
	if _, err := l.Read(35); !errors.Is(err, ErrClosed) {
		t.Errorf("read of a closed log: %v", err)
	}
}
