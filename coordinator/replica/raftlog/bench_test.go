package raftlog

import (
	"fmt"
	"testing"

	"github.com/hashicorp/raft"
)

func BenchmarkStoreLogs(b *testing.B) {
	for _, size := range []int{200, 1 << 20} {
		for _, batch := range []int{1, 64} {
			if size*batch > 4<<20 {
				continue
			}
			b.Run(fmt.Sprintf("bytes=%d/batch=%d", size, batch), func(b *testing.B) {
				l := mustOpen(b, b.TempDir(), Options{})
				defer l.Close()
				next := uint64(1)
				b.SetBytes(int64(size * batch))
				b.ReportAllocs()
				for b.Loop() {
					list := make([]*raft.Log, batch)
					for i := range list {
						list[i] = &raft.Log{Index: next, Term: 1, Data: make([]byte, size)}
						next++
					}
					must(b, l.StoreLogs(list))
				}
			})
		}
	}
}

// BenchmarkGetLog reads from memory, and from the wal in order and in the tail.
func BenchmarkGetLog(b *testing.B) {
	const n, size = 20000, 1000
	for name, cache := range map[string]int64{"memory": 1 << 30, "wal": 1} {
		b.Run(name, func(b *testing.B) {
			l := mustOpen(b, b.TempDir(), Options{CacheBytes: cache})
			defer l.Close()
			for i := uint64(1); i <= n; i += 1000 {
				list := make([]*raft.Log, 1000)
				for k := range list {
					list[k] = &raft.Log{Index: i + uint64(k), Data: make([]byte, size)}
				}
				must(b, l.StoreLogs(list))
			}
			b.SetBytes(size)
			b.ReportAllocs()
			index := uint64(0)
			for b.Loop() {
				var e raft.Log
				index = index%n + 1
				must(b, l.GetLog(index, &e))
			}
		})
	}
}

func BenchmarkSetUint64(b *testing.B) {
	dir := b.TempDir()
	must(b, CreateStable(dir))
	s := mustStable(b, dir)
	defer s.Close()
	term := uint64(0)
	for b.Loop() {
		term++
		must(b, s.SetUint64([]byte("CurrentTerm"), term))
	}
}
