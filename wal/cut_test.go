package wal

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// unsynced makes a log of n records of which acked are acknowledged, as a
// crash leaves it whose pages have all reached the disk, and its history.
func unsynced(t *testing.T, opts Options, n, acked uint64) (snapshot, history) {
	t.Helper()
	dir := filepath.Join(scratch(t), "log")
	l := mustOpen(t, dir, opts)
	defer l.Close()
	appendRun(t, l, 0, int(acked))
	must(t, l.Sync())
	appendRun(t, l, 0, int(n-acked))
	return take(t, dir), historyOf(n, acked)
}

// endOf returns the offset in the last segment behind the record seq.
func endOf(t *testing.T, s snapshot, seq uint64) (name string, offset int) {
	t.Helper()
	dir := filepath.Join(scratch(t), "log")
	s.restore(t, dir)
	files := segmentsOf(t, dir)
	tail := files[len(files)-1]
	for next := tail.first; next <= seq; next++ {
		_, _, size, err := decodeEntry(s[tail.name][offset:])
		must(t, err)
		offset += size
	}
	return tail.name, offset
}

// TestCutEveryByteAcknowledged cuts every file of a log, in which everything is
// acknowledged, at every byte. There is no such cut that may go unnoticed.
func TestCutEveryByteAcknowledged(t *testing.T) {
	opts := Options{SegmentBytes: 600}
	s, h := unsynced(t, opts, 25, 25)
	dir := filepath.Join(scratch(t), "log")
	s.restore(t, dir)
	count := tally{}
	for _, seg := range segmentsOf(t, dir) {
		for n := int64(0); n < seg.bytes; n += int64(stride(1)) {
			must(t, os.Truncate(filepath.Join(dir, seg.name), n))
			got := h.check(t, dir, opts)
			if count[got]++; got != refused {
				t.Fatalf("%s cut to %d bytes: %s", seg.name, n, got)
			}
			must(t, os.WriteFile(filepath.Join(dir, seg.name), s[seg.name], 0o600))
		}
	}
	must(t, os.Remove(filepath.Join(dir, lockName)))
	if h.check(t, dir, opts) != whole {
		t.Error("the log does not open without a cut")
	}
	count.report(t, "cut at every byte, all acknowledged")
}

// TestCutEveryByteUnacknowledged cuts a log whose end was not acknowledged.
// Where the cut spares what was, Open must not refuse.
func TestCutEveryByteUnacknowledged(t *testing.T) {
	opts := Options{SegmentBytes: 900}
	s, h := unsynced(t, opts, 33, 29)
	name, acked := endOf(t, s, h.acked)
	dir := filepath.Join(scratch(t), "log")
	count := tally{}
	for n := range len(s[name]) {
		s.restore(t, dir)
		must(t, os.Truncate(filepath.Join(dir, name), int64(n)))
		got := h.check(t, dir, opts)
		if count[got]++; (got == whole) != (n >= acked) {
			t.Fatalf("cut to %d bytes, acknowledged are %d: %s", n, acked, got)
		}
	}
	count.report(t, "cut at every byte, end not acknowledged")
}

// TestCutEveryByteOldMark cuts logs whose mark did not survive. A cut leaves
// no trace then: what is asked for is that nothing else appears.
func TestCutEveryByteOldMark(t *testing.T) {
	opts := Options{SegmentBytes: 600}
	s, h := unsynced(t, opts, 28, 28)
	h.acked = 0
	delete(s, markName)
	dir := filepath.Join(scratch(t), "log")
	s.restore(t, dir)
	count := tally{}
	files := segmentsOf(t, dir)
	for i, seg := range files {
		for n := int64(0); n < seg.bytes; n += int64(stride(1)) {
			s.restore(t, dir)
			must(t, os.Truncate(filepath.Join(dir, seg.name), n))
			got := h.check(t, dir, opts)
			if count[got]++; (got == whole) != (i == len(files)-1) {
				t.Fatalf("%s cut to %d bytes: %s", seg.name, n, got)
			}
		}
	}
	count.report(t, "cut at every byte, mark lost")
}

const sector = 512

// TestTailSectors spoils the end of a log in the ways of a power failure: from
// each sector on, each sector alone, and beyond the end.
func TestTailSectors(t *testing.T) {
	opts := Options{SegmentBytes: 1 << 20}
	s, h := unsynced(t, opts, 60, 20)
	name, acked := endOf(t, s, h.acked)
	other, _ := unsynced(t, opts, 60, 60) // of another log
	rng := rand.New(rand.NewPCG(1, 2))
	garbage := make([]byte, len(s[name])+8*sector)
	for i := range garbage {
		garbage[i] = byte(rng.Uint32())
	}
	stale := append([]byte{}, s[name]...)
	for fill, content := range map[string][]byte{
		"zeros":             make([]byte, len(garbage)),
		"garbage":           garbage,
		"stale frames":      append(stale[7*sector/2:], stale...),
		"another log":       other[name],
		"another, in place": append(other[name][1:], 0),
	} {
		count := tally{}
		for _, damage := range sectorDamage(s[name], content) {
			dir := filepath.Join(scratch(t), "log")
			s.restore(t, dir)
			must(t, os.WriteFile(filepath.Join(dir, name), damage.data, 0o600))
			got := h.check(t, dir, opts)
			count[got]++
			if got == whole && damage.from < acked {
				t.Fatalf("%s at %d: acknowledged up to %d, and %s", fill, damage.from, acked, got)
			}
			if got == refused && damage.from >= acked && fill != "another log" && fill != "stale frames" {
				t.Fatalf("%s at %d: acknowledged up to %d, and %s", fill, damage.from, acked, got)
			}
		}
		count.report(t, fill+" at every sector")
	}
}

// damaged is a file with other content from some offset on.
type damaged struct {
	from int
	data []byte
}

// sectorDamage puts content over a file, in whole sectors, in all the ways.
func sectorDamage(file, content []byte) (all []damaged) {
	for at := 0; at < len(file); at += sector {
		end := min(at+sector, len(file))
		rest := append([]byte{}, file...)
		copy(rest[at:], content)
		one := append([]byte{}, file...)
		copy(one[at:end], content)
		all = append(all, damaged{at, rest}, damaged{at, one})
	}
	for n := 1; n <= 8; n++ {
		add := content[:min(n*sector, len(content))]
		all = append(all, damaged{len(file), append(append([]byte{}, file...), add...)})
		// As above, after a write that ended within a record.
		torn := file[:len(file)-20]
		all = append(all, damaged{len(torn), append(append([]byte{}, torn...), add...)})
	}
	return all
}

// TestTailOfZeros is the case that tidwall/wal takes for 4096 empty records.
func TestTailOfZeros(t *testing.T) {
	opts := Options{}
	s, h := unsynced(t, opts, 10, 10)
	dir := filepath.Join(scratch(t), "log")
	s[segmentName(1)] = append(s[segmentName(1)], make([]byte, 4096)...)
	s.restore(t, dir)
	l := mustOpen(t, dir, opts)
	rs := l.Repairs()
	if len(rs) != 1 || rs[0].Kind != CutTail || rs[0].Bytes != 4096 || rs[0].Seq != 11 || rs[0].Kept == "" {
		t.Errorf("repairs %v", rs)
	}
	must(t, l.Close())
	if h.check(t, dir, opts) != whole {
		t.Error("log is gone")
	}
}
