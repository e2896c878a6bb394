package raftsnap

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// TestBothKinds: the appendix of the moment follows what was made here, and the
// stored one what was received.
func TestBothKinds(t *testing.T) {
	dir := filepath.Join(scratch(t), "snapshots")
	history := text("history of today")
	s := mustOpen(t, dir, history.options())
	if list, err := s.List(); len(list) != 0 || err != nil {
		t.Fatalf("an empty store lists %v, %v", list, err)
	}
	if n, err := s.Newest(); n != nil || err != nil {
		t.Fatalf("an empty store has %v, %v", n, err)
	}
	for _, test := range []struct {
		name, head, stored, want string
		index                    uint64
	}{
		{"made here", "head", "", "history of today", 10},
		{"received", "head of another", "history of yesterday", "history of yesterday", 20},
		{"made here, empty head", "", "", "history of today", 30},
		{"received, empty head", "", "history", "history", 40},
	} {
		id := save(t, s, test.index, 3, test.head, test.stored)
		for range 2 {
			meta, head, appendix, err := load(t, s, id)
			must(t, err)
			if wantMeta(t, meta, test.index, 3); head != test.head || appendix != test.want {
				t.Errorf("%s: %q, %q", test.name, head, appendix)
			}
			newest, err := s.Newest()
			must(t, err)
			if wantMeta(t, &newest.Meta, test.index, 3); string(newest.Head) != test.head || newest.AppendixBytes != int64(len(test.stored)) {
				t.Errorf("%s: newest is %+v", test.name, newest)
			}
			list, err := s.List()
			must(t, err)
			if wantMeta(t, list[0], test.index, 3); len(list) != 1 || list[0].ID != id || list[0].Size != newest.Meta.Size {
				t.Errorf("%s: %+v", test.name, list)
			}
			s = mustOpen(t, dir, history.options())
		}
	}
	if history.open != 0 {
		t.Errorf("%d appendices were not closed", history.open)
	}
	info, err := os.Stat(only(t, dir))
	if must(t, err); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestWithoutAppendix(t *testing.T) {
	s := mustOpen(t, scratch(t), Options{})
	_, head, appendix, err := load(t, s, save(t, s, 10, 1, "head", ""))
	if err != nil || head != "head" || appendix != "" {
		t.Errorf("%q, %q, %v", head, appendix, err)
	}
}

// TestAppendixBreaksItsWord: nobody takes half of one for all of it.
func TestAppendixBreaksItsWord(t *testing.T) {
	a := text("history")
	s := mustOpen(t, scratch(t), a.options())
	id := save(t, s, 10, 1, "head", "")
	for _, size := range []int64{3, 6, 8, 100} {
		a.size = size
		_, _, _, err := load(t, s, id)
		wantErr(t, err, ErrAppendix)
	}
	a.err = errors.New("no history")
	_, _, _, err := load(t, s, id)
	if wantErr(t, err, a.err); a.open != 0 {
		t.Errorf("%d appendices were not closed", a.open)
	}
}

// TestNewestIsKept: by index, then term, then the order of creation, whatever
// is finished first.
func TestNewestIsKept(t *testing.T) {
	dir := scratch(t)
	s := mustOpen(t, dir, Options{})
	first := save(t, s, 10, 2, "first", "")
	_, old, err := s.Open(first)
	must(t, err)
	slow, same := begin(t, s, 15, 2), begin(t, s, 20, 2)
	second := save(t, s, 20, 2, "second", "")
	must(t, WriteHead(slow, []byte("slow")))
	must(t, slow.Close())
	must(t, WriteHead(same, []byte("begun before")))
	must(t, same.Close())
	if n, err := s.Newest(); err != nil || n.Meta.ID != second || string(n.Head) != "second" {
		t.Fatalf("newest is %+v, %v", n, err)
	}
	only(t, dir)
	for _, id := range []string{first, slow.ID(), same.ID(), "", "nonsense", "1-2-3", second + "x", "../" + second} {
		_, _, err := s.Open(id)
		wantErr(t, err, ErrNotExist)
	}
	if head, err := ReadHead(old); err != nil || string(head) != "first" { // open before it was removed
		t.Errorf("%q, %v", head, err)
	}
	must(t, old.Close())
	save(t, s, 20, 3, "another term", "")
	if n, err := s.Newest(); err != nil || string(n.Head) != "another term" {
		t.Errorf("newest is %+v, %v", n, err)
	}
}

// TestReadersBesideWriter is for the race detector.
func TestReadersBesideWriter(t *testing.T) {
	s := mustOpen(t, scratch(t), Options{})
	save(t, s, 2, 1, "2", "")
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if n, err := s.Newest(); err != nil || n == nil {
					t.Errorf("newest: %v, %v", n, err)
				}
				list, err := s.List()
				if err != nil {
					t.Error(err)
				}
				for _, m := range list {
					if _, r, err := s.Open(m.ID); err == nil {
						r.Close()
					} else if !errors.Is(err, ErrNotExist) {
						t.Error(err)
					}
				}
			}
		})
	}
	var writers sync.WaitGroup
	for w := range uint64(2) {
		writers.Go(func() {
			for i := uint64(3); i < 60; i++ {
				save(t, s, i*2+w, 1, "head", "appendix")
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	if n, err := s.Newest(); err != nil || n.Meta.Index != 119 {
		t.Errorf("newest is %+v, %v", n, err)
	}
}
