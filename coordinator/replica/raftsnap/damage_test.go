package raftsnap

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestEveryFlip changes each byte of a file: nothing wrong is handed out.
func TestEveryFlip(t *testing.T) {
	dir := scratch(t)
	s := mustOpen(t, dir, Options{})
	id := save(t, s, 9, 1, "the head", "the appendix")
	name := only(t, dir)
	good, err := os.ReadFile(name)
	must(t, err)
	for at := range good {
		bad := bytes.Clone(good)
		bad[at] ^= 1 << (at % 8)
		must(t, os.WriteFile(name, bad, 0o600))
		_, _, _, err := load(t, s, id)
		if wantErr(t, err, ErrDamaged); at >= len(good)-len("the appendix") {
			must(t, headIsSound(s))
			continue
		}
		_, err = Open(dir, Options{})
		wantErr(t, err, ErrDamaged)
		wantErr(t, headIsSound(s), ErrDamaged)
		if at < len(good)-len("the head")-len("the appendix")-lengthBytes {
			_, err := s.List()
			wantErr(t, err, ErrDamaged)
		}
	}
}

// headIsSound reads the head alone.
func headIsSound(s *Store) error {
	n, err := s.Newest()
	if err == nil && string(n.Head) != "the head" {
		return errors.New("the head differs")
	}
	return err
}

// TestEveryCut takes bytes off the end of a file, or adds one.
func TestEveryCut(t *testing.T) {
	dir := scratch(t)
	s := mustOpen(t, dir, Options{})
	id := save(t, s, 9, 1, "the head", "the appendix")
	name := only(t, dir)
	good, err := os.ReadFile(name)
	must(t, err)
	for n := 0; n <= len(good)+1; n++ {
		if n == len(good) {
			continue
		}
		must(t, os.WriteFile(name, append(bytes.Clone(good), 0)[:n], 0o600))
		_, _, _, err := load(t, s, id)
		wantErr(t, err, ErrDamaged)
		_, err = Open(dir, Options{})
		wantErr(t, err, ErrDamaged)
	}
}

// TestCutWhileOpen shortens a file that is being read.
func TestCutWhileOpen(t *testing.T) {
	dir := scratch(t)
	s := mustOpen(t, dir, Options{})
	id := save(t, s, 9, 1, "the head", "the appendix")
	_, r, err := s.Open(id)
	must(t, err)
	defer r.Close()
	info, err := os.Stat(only(t, dir))
	must(t, err)
	must(t, os.Truncate(only(t, dir), info.Size()-3))
	_, err = io.ReadAll(r)
	wantErr(t, err, ErrDamaged)
}

// TestDamageRemovesNothing: behind a damaged newest snapshot an older one may
// be of use to somebody.
func TestDamageRemovesNothing(t *testing.T) {
	dir, other := scratch(t), scratch(t)
	save(t, mustOpen(t, dir, Options{}), 9, 1, "older", "")
	save(t, mustOpen(t, other, Options{}), 10, 1, "newer", "")
	newer := only(t, other)
	content, err := os.ReadFile(newer)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, filepath.Base(newer)), content[:len(content)-1], 0o600))
	must(t, os.WriteFile(filepath.Join(dir, name{11, 1, 1}.file()+tempSuffix), []byte("half"), 0o600))
	_, err = Open(dir, Options{})
	wantErr(t, err, ErrDamaged)
	if list := filesIn(t, dir); len(list) != 3 {
		t.Errorf("%v is left", list)
	}
}

// TestRenamed: the name and the header have to agree.
func TestRenamed(t *testing.T) {
	dir := scratch(t)
	save(t, mustOpen(t, dir, Options{}), 9, 1, "head", "")
	must(t, os.Rename(only(t, dir), filepath.Join(dir, name{10, 1, 1}.file())))
	_, err := Open(dir, Options{})
	wantErr(t, err, ErrDamaged)
}

// TestLeftovers: what crashes leave is removed, and nothing else.
func TestLeftovers(t *testing.T) {
	dir := scratch(t)
	must(t, os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "notes.snapshot.temp"), nil, 0o600))
	s := mustOpen(t, dir, Options{})
	save(t, s, 9, 1, "older", "")
	older, err := os.ReadFile(filepath.Join(dir, name{9, 1, 1}.file()))
	must(t, err)
	begin(t, s, 20, 1) // and then the process ends
	save(t, s, 10, 1, "newer", "appendix")
	must(t, os.WriteFile(filepath.Join(dir, name{9, 1, 1}.file()), older, 0o600)) // it ended before the removal
	s = mustOpen(t, dir, Options{})
	if list := filesIn(t, dir); len(list) != 3 {
		t.Errorf("%v is left", list)
	}
	if n, err := s.Newest(); err != nil || string(n.Head) != "newer" {
		t.Errorf("%+v, %v", n, err)
	}
	id := save(t, s, 10, 1, "again", "") // goes before the one of the same entry
	if n, err := s.Newest(); err != nil || n.Meta.ID != id {
		t.Errorf("%+v, %v", n, err)
	}
}

// TestGoldenHeader: the bytes are those of the package documentation.
func TestGoldenHeader(t *testing.T) {
	h := header{version: 1, kind: withAppendix, index: 0x0102, term: 0x0304, configIndex: 0x0506, headBytes: 0x0708,
		appendixBytes: 0x090a, configBytes: 0x0b0c, configSum: 0x01020304, headSum: 0x05060708, appendixSum: 0x090a0b0c}
	want := "4c5352534e415001" + "00000001" + "00000002" + "0000000000000102" + "0000000000000304" + "0000000000000506" +
		"0000000000000708" + "000000000000090a" + "00000b0c" + "01020304" + "05060708" + "090a0b0c" + "8670e647"
	if got := hex.EncodeToString(h.encode()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	back, err := decodeHeader(h.encode())
	if must(t, err); back != h {
		t.Errorf("%+v became %+v", h, back)
	}
}
