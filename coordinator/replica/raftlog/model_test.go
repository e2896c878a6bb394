package raftlog

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"
	"pgregory.net/rapid"

	"github.com/lockstep-exec/lockstep/wal"
)

// model compares a log with the store in memory that comes with raft.
type model struct {
	dir  string
	log  *Log
	mem  *raft.InmemStore
	term uint64
}

func (m *model) bounds() (first, last uint64) {
	first, _ = m.mem.FirstIndex()
	last, _ = m.mem.LastIndex()
	return first, last
}

func (m *model) store(t *rapid.T, first uint64) {
	m.term++
	list := entries(first, first+rapid.Uint64Range(0, 8).Draw(t, "more"), m.term)
	must(t, m.log.StoreLogs(list))
	must(t, m.mem.StoreLogs(list))
}

func (m *model) Store(t *rapid.T) {
	first, last := m.bounds()
	if first == 0 {
		last = rapid.Uint64Range(0, 50).Draw(t, "gap")
	}
	m.store(t, last+1)
}

func (m *model) Replace(t *rapid.T) {
	first, last := m.bounds()
	if first == 0 {
		t.Skip("empty")
	}
	from := rapid.Uint64Range(first, last).Draw(t, "from")
	must(t, m.mem.DeleteRange(from, last))
	m.store(t, from)
}

func (m *model) DeleteBack(t *rapid.T) {
	if first, last := m.bounds(); first != 0 {
		m.delete(t, rapid.Uint64Range(first, last).Draw(t, "from"), last)
	}
}

func (m *model) DeleteFront(t *rapid.T) {
	if first, last := m.bounds(); first != 0 {
		m.delete(t, first, rapid.Uint64Range(first, last).Draw(t, "to"))
	}
}

func (m *model) DeleteAll(t *rapid.T) {
	if first, last := m.bounds(); first != 0 {
		m.delete(t, first, last)
	}
}

func (m *model) delete(t *rapid.T, low, high uint64) {
	must(t, m.log.DeleteRange(low, high))
	must(t, m.mem.DeleteRange(low, high))
}

// Restart ends the process, with or without a clean end, and perhaps with a
// torn record that nobody was promised.
func (m *model) Restart(t *rapid.T) {
	if rapid.Bool().Draw(t, "clean") {
		must(t, m.log.Close())
	} else {
		crashed := take(t, m.dir)
		if torn := rapid.IntRange(0, 60).Draw(t, "torn"); torn > 0 {
			name := crashed.tail()
			frame := append([]byte{90, 0x8d, 'L', 'S', 'W'}, make([]byte, torn)...)
			crashed[name] = append(crashed[name], frame...)
		}
		must(t, m.log.Close())
		crashed.restore(t, m.dir)
	}
	m.log = mustOpen(t, m.dir, m.log.opts)
	first, _ := m.bounds()
	back, _ := m.log.FirstIndex()
	if first == 0 || back > first {
		return // Check compares
	}
	must(t, m.log.DeleteRange(back, first-1))
}

func (m *model) Check(t *rapid.T) {
	first, last := m.bounds()
	wantBounds(t, m.log, first, last)
	for index := first; index <= last && first > 0; index++ {
		var got, want raft.Log
		must(t, m.mem.GetLog(index, &want))
		must(t, m.log.GetLog(index, &got))
		if !same(&got, &want) {
			t.Fatalf("entry %d of term %d, want term %d", index, got.Term, want.Term)
		}
	}
	bytes := int64(0)
	for index := last; index >= first && first > 0; index-- {
		var e raft.Log
		must(t, m.mem.GetLog(index, &e))
		if bytes += int64(entryBytes(&e)); m.log.BytesAbove(index-1) != bytes || m.log.TrailingFor(bytes) != last-index+1 {
			t.Fatalf("from %d on there are %d bytes, the log says %d", index, bytes, m.log.BytesAbove(index-1))
		}
	}
	if m.log.Bytes() != bytes {
		t.Fatalf("%d bytes, want %d", m.log.Bytes(), bytes)
	}
}

// Scan compares the offline view, which has at least the entries of the log.
func (m *model) Scan(t *rapid.T) {
	first, last := m.bounds()
	next := uint64(0)
	s, err := Scan(m.dir, func(e *raft.Log) error {
		if next != 0 && e.Index != next {
			t.Fatalf("entry %d behind %d", e.Index, next-1)
		}
		next = e.Index + 1
		var want raft.Log
		if err := m.mem.GetLog(e.Index, &want); err == nil && !same(e, &want) {
			t.Fatalf("entry %d of term %d, want term %d", e.Index, e.Term, want.Term)
		}
		return nil
	})
	must(t, err)
	if s.FirstIndex > first || s.LastIndex != last || next != 0 && next != last+1 {
		t.Fatalf("entries %d to %d, want %d to %d", s.FirstIndex, s.LastIndex, first, last)
	}
}

func TestModel(t *testing.T) {
	dir := filepath.Join(scratch(t), "log")
	rapid.Check(t, func(t *rapid.T) {
		m := &model{dir: dir, mem: raft.NewInmemStore()}
		must(t, os.RemoveAll(m.dir))
		m.log = mustOpen(t, m.dir, Options{
			Wal:        wal.Options{SegmentBytes: rapid.SampledFrom([]int{200, 1000, 1 << 20}).Draw(t, "segment")},
			CacheBytes: rapid.SampledFrom([]int64{1, 700, 1 << 20}).Draw(t, "cache"),
			TrimBytes:  rapid.SampledFrom([]int64{1, 900, 1 << 20}).Draw(t, "trim"),
		})
		defer func() { m.log.Close() }()
		t.Repeat(map[string]func(*rapid.T){
			"": m.Check, "store": m.Store, "replace": m.Replace, "delete back": m.DeleteBack,
			"delete front": m.DeleteFront, "delete all": m.DeleteAll, "restart": m.Restart, "scan": m.Scan,
		})
	})
}
