package wal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestScan(t *testing.T) {
	opts := Options{SegmentBytes: 500}
	s, h := unsynced(t, opts, 30, 30)
	dir := filepath.Join(scratch(t), "log")
	s.restore(t, dir)
	next := uint64(1)
	sum, err := Scan(dir, func(f Found) error {
		if f.Problem != nil || f.Seq != next || !same(f.Record, h.records[next]) || f.Durable >= f.Seq {
			return fmt.Errorf("found %+v", f)
		}
		next++
		return nil
	})
	must(t, err)
	if sum.Verdict != nil || sum.Frames != 30 || sum.Problems != 0 || sum.Last != 30 || sum.Mark != 30 || sum.Floor != 1 ||
		sum.Segments != len(segmentsOf(t, dir)) || len(sum.Repairs) != 0 || sum.New {
		t.Errorf("summary %+v", sum)
	}
	stop := errors.New("stop")
	if _, err := Scan(dir, func(Found) error { return stop }); err != stop {
		t.Error(err)
	}
	if !s.equal(t, dir) {
		t.Error("a scan changed something")
	}
}

// TestScanPastDamage: damage hides what it covers, and nothing else.
func TestScanPastDamage(t *testing.T) {
	opts := Options{SegmentBytes: 700}
	s, h := unsynced(t, opts, 30, 30)
	dir := filepath.Join(scratch(t), "log")
	s.restore(t, dir)
	files := segmentsOf(t, dir)
	step := stride(3)
	cases := 0
	for _, file := range files {
		for at := 0; at < int(file.bytes); at += step {
			s.restore(t, dir)
			bad := append([]byte{}, s[file.name]...)
			bad[at] ^= 0x55
			must(t, os.WriteFile(filepath.Join(dir, file.name), bad, 0o600))
			frames := 0
			sum, err := Scan(dir, func(f Found) error {
				if f.Problem == nil && !same(f.Record, h.records[f.Seq]) {
					return fmt.Errorf("found %+v", f)
				}
				if f.Problem == nil {
					frames++
				}
				return nil
			})
			must(t, err)
			if !errors.Is(sum.Verdict, ErrDamaged) || frames != 29 || sum.Frames != 29 || sum.Problems < 1 {
				t.Fatalf("byte %d of %s: %+v", at, file.name, sum)
			}
			cases++
		}
	}
	t.Logf("%d damaged logs, each with 29 of 30 records left", cases)
}

func TestScanOddities(t *testing.T) {
	if _, err := Scan(filepath.Join(scratch(t), "none"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	empty := scratch(t)
	sum, err := Scan(empty, nil)
	if err != nil || !sum.New {
		t.Errorf("empty directory: %+v %v", sum, err)
	}
	opts := Options{SegmentBytes: 700}
	s, _ := unsynced(t, opts, 30, 30)
	other, _ := unsynced(t, opts, 30, 30)
	dir := filepath.Join(scratch(t), "log")
	second := segmentsOfSnapshot(t, s)[1].name
	s[second] = other[second]
	s.restore(t, dir)
	sum, err = Scan(dir, nil)
	must(t, err)
	if sum.Problems == 0 || sum.Frames == 0 || sum.Frames+sum.Problems < 30 {
		t.Errorf("foreign segment: %+v", sum)
	}
	delete(s, metaName) // the identity is that of the first frame, then
	delete(s, second)
	s.restore(t, dir)
	sum, err = Scan(dir, nil)
	must(t, err)
	if sum.Problems != 1 || sum.Verdict == nil {
		t.Errorf("missing segment: %+v", sum)
	}
}

func segmentsOfSnapshot(t *testing.T, s snapshot) []segment {
	dir := filepath.Join(scratch(t), "log")
	s.restore(t, dir)
	return segmentsOf(t, dir)
}
