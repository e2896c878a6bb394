package wal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// flipper turns over single bits of the files of a log.
type flipper struct {
	t    *testing.T
	dir  string
	s    snapshot
	h    history
	opts Options
}

func newFlipper(t *testing.T, s snapshot, h history, opts Options) *flipper {
	f := &flipper{t: t, dir: filepath.Join(scratch(t), "log"), s: s, h: h, opts: opts}
	s.restore(t, f.dir)
	return f
}

// each calls fn for each bit of a file, turned over, and puts the file right
// again if fn did not change the directory otherwise.
func (f *flipper) each(name string, fn func(bit int)) {
	file, err := os.OpenFile(filepath.Join(f.dir, name), os.O_WRONLY, 0)
	must(f.t, err)
	defer file.Close()
	good := f.s[name]
	for bit := 0; bit < len(good)*8; bit++ {
		at := int64(bit / 8)
		_, err := file.WriteAt([]byte{good[at] ^ 1<<(bit%8)}, at)
		must(f.t, err)
		fn(bit)
		_, err = file.WriteAt(good[at:at+1], at)
		must(f.t, err)
	}
}

// flipSize is the size of the logs whose every bit is turned over.
func flipSize() (records uint64, opts Options) {
	if long {
		return 540, Options{SegmentBytes: 16 << 10} // 64 KiB
	}
	if underRace {
		return 9, Options{SegmentBytes: 512} // 1 KiB
	}
	return 36, Options{SegmentBytes: 1 << 10} // 4 KiB
}

// TestFlipEveryBit turns over every bit of every segment of a log in which all
// is acknowledged: Open must see each.
func TestFlipEveryBit(t *testing.T) {
	n, opts := flipSize()
	s, h := unsynced(t, opts, n, n)
	f := newFlipper(t, s, h, opts)
	count := tally{}
	for _, seg := range segmentsOf(t, f.dir) {
		f.each(seg.name, func(bit int) {
			_, err := examine(f.dir)
			if !errors.Is(err, ErrDamaged) {
				t.Fatalf("bit %d of %s: %v", bit, seg.name, err)
			}
			count[refused]++
			if bit%331 == 0 && h.check(t, f.dir, opts) != refused {
				t.Fatalf("bit %d of %s: Open does not do as examine", bit, seg.name)
			}
		})
	}
	count.report(t, "flip of every bit, all acknowledged")
}

// TestFlipRegisters turns over every bit of META and MARK. None of it may cost
// a record.
func TestFlipRegisters(t *testing.T) {
	n, opts := flipSize()
	s, h := unsynced(t, opts, n, n)
	for _, name := range []string{metaName, markName} {
		f := newFlipper(t, s, h, opts)
		count := tally{}
		f.each(name, func(bit int) {
			if !long && bit/8%slotStride > slotBytes && bit%97 != 0 {
				return // nothing is kept there
			}
			p, err := examine(f.dir)
			switch {
			case err == nil && p.chain.first() == 1 && p.chain.last == n && p.chain.cut == nil && !p.blank:
				count[whole]++
			case errors.Is(err, ErrDamaged) || errors.Is(err, ErrFormat):
				count[refused]++
			default:
				t.Fatalf("bit %d of %s: %v", bit, name, err)
			}
		})
		count.report(t, "flip of every bit of "+name)
		if name == markName && count[refused] > 0 {
			t.Error("the mark is advisory, and must not keep a log from opening")
		}
	}
}

// TestFlipEveryBitOldMark turns over every bit of a log whose mark was lost:
// then only the claims of later frames protect the last segment. What they
// cover must not get lost; what they do not cover may, from its end.
func TestFlipEveryBitOldMark(t *testing.T) {
	n, opts := flipSize()
	dir := filepath.Join(scratch(t), "log")
	l := mustOpen(t, dir, opts)
	for l.Last() < n {
		appendRun(t, l, 0, 3)
		must(t, l.Sync())
	}
	s, h := take(t, dir), historyOf(n, n-3)
	must(t, l.Close())
	delete(s, markName)

	f := newFlipper(t, s, h, opts)
	files := segmentsOf(t, f.dir)
	count := tally{}
	for i, seg := range files {
		f.each(seg.name, func(bit int) {
			p, err := examine(f.dir)
			switch {
			case errors.Is(err, ErrDamaged):
				count[refused]++
			case err == nil && i == len(files)-1 && p.chain.cut != nil && p.chain.last >= h.acked && p.chain.last < n:
				count[whole]++
			default:
				t.Fatalf("bit %d of %s: %v", bit, seg.name, err)
			}
		})
	}
	if count[whole] == 0 {
		t.Error("the last group was not reached")
	}
	count.report(t, "flip of every bit, mark lost")
}
