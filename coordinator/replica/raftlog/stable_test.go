package raftlog

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"
	"pgregory.net/rapid"
)

func mustStable(t tester, dir string) *Stable {
	t.Helper()
	s, err := OpenStable(dir)
	must(t, err)
	return s
}

func newStable(t *testing.T) (dir string, s *Stable) {
	t.Helper()
	dir = scratch(t)
	must(t, CreateStable(dir))
	return dir, mustStable(t, dir)
}

func TestStable(t *testing.T) {
	dir, s := newStable(t)
	key := []byte("CurrentTerm")
	if v, err := s.Get(key); v != nil || err != nil {
		t.Errorf("absent value: %v, %v", v, err)
	}
	if n, err := s.GetUint64(key); n != 0 || err != nil {
		t.Errorf("absent number: %v, %v", n, err)
	}
	must(t, s.SetUint64(key, 1<<63+5))
	must(t, s.Set([]byte("LastVoteCand"), []byte("c1")))
	must(t, s.Set([]byte("LastVoteCand"), []byte("c2")))
	must(t, s.Set([]byte("nothing"), nil))
	must(t, s.Set([]byte("format"), []byte("a key of raft"))) // not the one of the file
	for range 2 {
		if n, err := s.GetUint64(key); n != 1<<63+5 || err != nil {
			t.Errorf("number: %v, %v", n, err)
		}
		if v, err := s.Get([]byte("LastVoteCand")); string(v) != "c2" || err != nil {
			t.Errorf("value: %q, %v", v, err)
		}
		if v, err := s.Get([]byte("nothing")); v == nil || len(v) != 0 || err != nil {
			t.Errorf("empty value: %v, %v", v, err)
		}
		must(t, s.Close())
		s = mustStable(t, dir)
	}
	info, err := os.Stat(filepath.Join(dir, StableName))
	if must(t, err); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	_, err = OpenStable(dir)
	wantErr(t, err, ErrLocked)
	must(t, s.Close())
	wantErr(t, s.Close(), ErrClosed)
	wantErr(t, s.Set(key, nil), ErrClosed)
	_, err = s.Get(key)
	wantErr(t, err, ErrClosed)
}

func TestStableCreation(t *testing.T) {
	dir := scratch(t)
	_, err := OpenStable(dir)
	wantErr(t, err, ErrNotExist)
	wantErr(t, err, fs.ErrNotExist)
	must(t, os.WriteFile(filepath.Join(dir, unfinishedName), []byte("half"), 0o600))
	must(t, CreateStable(dir))
	wantErr(t, CreateStable(dir), ErrExist)
	wantErr(t, CreateStable(filepath.Join(dir, "missing")), fs.ErrNotExist)
	if len(take(t, dir)) != 1 {
		t.Error("something is left over")
	}
	must(t, mustStable(t, dir).Close())
}

func TestStableNumberOfWrongLength(t *testing.T) {
	_, s := newStable(t)
	defer s.Close()
	must(t, s.Set([]byte("k"), []byte("123")))
	_, err := s.GetUint64([]byte("k"))
	wantErr(t, err, ErrDamaged)
	wantErr(t, s.Err(), ErrPoisoned)
}

// TestStablePoison makes a write fail.
func TestStablePoison(t *testing.T) {
	_, s := newStable(t)
	must(t, s.SetUint64([]byte("CurrentTerm"), 7))
	must(t, s.Set([]byte(""), nil)) // has the prefix, so it is a key for bbolt
	must(t, s.Err())
	wantErr(t, s.Set(bytes.Repeat([]byte("k"), bbolt.MaxKeySize), nil), ErrPoisoned)
	select {
	case <-s.Failed():
	default:
		t.Error("Failed is open")
	}
	_, err := s.GetUint64([]byte("CurrentTerm"))
	for _, err := range []error{s.Err(), err, s.SetUint64([]byte("CurrentTerm"), 8)} {
		wantErr(t, err, ErrPoisoned)
	}
	must(t, s.Close())
}

// TestStableDamage flips every byte of keys, values and meta pages, new and
// stale: what opens has the right values.
func TestStableDamage(t *testing.T) {
	dir, s := newStable(t)
	must(t, s.SetUint64([]byte("CurrentTerm"), 7))
	must(t, s.Set([]byte("LastVoteCand"), []byte("candidate-one")))
	must(t, s.Close())
	name := filepath.Join(dir, StableName)
	good, err := os.ReadFile(name)
	must(t, err)
	refused := 0
	for _, at := range contentBytes(good) {
		bad := bytes.Clone(good)
		bad[at] ^= 0x10
		must(t, os.Remove(name))
		must(t, os.WriteFile(name, bad, 0o600))
		s, err := OpenStable(dir)
		if err != nil {
			wantErr(t, err, ErrDamaged)
			refused++
			continue
		}
		term, err := s.GetUint64([]byte("CurrentTerm"))
		must(t, err)
		vote, err := s.Get([]byte("LastVoteCand"))
		if must(t, err); term != 7 || string(vote) != "candidate-one" {
			t.Fatalf("byte %d: term %d, vote %q", at, term, vote)
		}
		must(t, s.Close())
	}
	if refused < 30 {
		t.Errorf("%d flips were refused", refused)
	}
}

// contentBytes lists the offsets of what is no header or element of a page,
// which bbolt trusts so much that it may take the process along.
func contentBytes(file []byte) (list []int) {
	page := os.Getpagesize()
	for at := 16; at < 80; at++ {
		list = append(list, at, page+at)
	}
	for _, stored := range [][]byte{
		append([]byte("kCurrentTerm"), seal(outer([]byte("CurrentTerm")), []byte{0, 0, 0, 0, 0, 0, 0, 7})...),
		append([]byte("kLastVoteCand"), seal(outer([]byte("LastVoteCand")), []byte("candidate-one"))...),
		append([]byte("format"), seal(formatKey, format1)...),
	} {
		for from := 0; ; {
			found := bytes.Index(file[from:], stored)
			if found < 0 {
				break
			}
			for i := range stored {
				list = append(list, from+found+i)
			}
			from += found + 1
		}
	}
	return list
}

// TestStableModel compares with the store in memory that comes with raft.
func TestStableModel(t *testing.T) {
	dir := scratch(t)
	rapid.Check(t, func(t *rapid.T) {
		must(t, os.RemoveAll(filepath.Join(dir, StableName)))
		must(t, CreateStable(dir))
		s, mem := mustStable(t, dir), raft.NewInmemStore()
		defer func() { s.Close() }()
		keys := rapid.SampledFrom([]string{"CurrentTerm", "LastVoteTerm", "LastVoteCand"})
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				key, value := []byte(keys.Draw(t, "key")), []byte(rapid.StringN(0, 20, -1).Draw(t, "value"))
				must(t, s.Set(append(key, '!'), value))
				must(t, mem.Set(append(key, '!'), value))
			},
			"set number": func(t *rapid.T) {
				key, value := []byte(keys.Draw(t, "key")), rapid.Uint64().Draw(t, "value")
				must(t, s.SetUint64(key, value))
				must(t, mem.SetUint64(key, value))
			},
			"restart": func(t *rapid.T) {
				must(t, s.Close())
				s = mustStable(t, dir)
			},
			"": func(t *rapid.T) {
				for _, key := range []string{"CurrentTerm", "LastVoteTerm", "LastVoteCand"} {
					got, err := s.GetUint64([]byte(key))
					must(t, err)
					if want, _ := mem.GetUint64([]byte(key)); got != want {
						t.Fatalf("%s is %d, want %d", key, got, want)
					}
					value, err := s.Get([]byte(key + "!"))
					must(t, err)
					if want, _ := mem.Get([]byte(key + "!")); !bytes.Equal(value, want) {
						t.Fatalf("%s is %q, want %q", key, value, want)
					}
				}
			},
		})
	})
}

func TestBind(t *testing.T) {
	dir, s := newStable(t)
	logDir := filepath.Join(dir, "log")
	l := mustOpen(t, logDir, small())
	must(t, Bind(l, s))
	must(t, l.StoreLogs(entries(1, 3, 1)))
	must(t, Bind(l, s))
	must(t, l.DeleteRange(1, 3))
	must(t, l.Close())
	must(t, s.Close())

	s, l = mustStable(t, dir), mustOpen(t, logDir, small())
	must(t, Bind(l, s))
	other := mustOpen(t, filepath.Join(dir, "other"), small())
	wantErr(t, Bind(other, s), ErrStrangers) // the log was lost
	must(t, other.Close())
	_, fresh := newStable(t)
	wantErr(t, Bind(l, fresh), ErrStrangers) // the votes were lost, and the log is empty but not new
	must(t, fresh.Close())
	wantErr(t, Bind(l, fresh), ErrClosed)
	must(t, l.Close())
	must(t, s.Close())
}
