package wal

import (
	"fmt"
	"path/filepath"
	"testing"
)

// The benchmarks write to the temporary directory, so that a sync is one.

func BenchmarkAppendSync(b *testing.B) {
	for _, size := range []int{100, 4 << 10, 1 << 20} {
		for _, group := range []int{1, 8} {
			b.Run(fmt.Sprintf("%dB/group%d", size, group), func(b *testing.B) {
				benchmarkAppend(b, size, group)
			})
		}
	}
}

// benchmarkAppend counts records; a group of them shares one sync.
func benchmarkAppend(b *testing.B, size, group int) {
	l := mustOpen(b, filepath.Join(b.TempDir(), "log"), Options{})
	defer l.Close()
	rec := Record{1, make([]byte, size)}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := l.Append(rec); err != nil {
			b.Fatal(err)
		}
		if i%group == group-1 {
			must(b, l.Sync())
		}
		if l.SizeBytes() > 512<<20 {
			must(b, l.TrimFront(l.Last()+1))
		}
	}
}

func BenchmarkAppendUnsynced(b *testing.B) {
	benchmarkAppend(b, 4<<10, 1<<30)
}

func BenchmarkReplay(b *testing.B) {
	for _, size := range []int{4 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			l := mustOpen(b, filepath.Join(b.TempDir(), "log"), Options{})
			defer l.Close()
			const total = 64 << 20
			for range total / size {
				_, err := l.Append(Record{1, make([]byte, size)})
				must(b, err)
			}
			b.SetBytes(total)
			b.ReportAllocs()
			for b.Loop() {
				must(b, l.Replay(0, func(uint64, Record) error { return nil }))
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "log")
	l := mustOpen(b, dir, Options{})
	const total = 64 << 20
	for range total / (64 << 10) {
		_, err := l.Append(Record{1, make([]byte, 64<<10)})
		must(b, err)
	}
	must(b, l.Close())
	b.SetBytes(total)
	for b.Loop() {
		must(b, mustOpen(b, dir, Options{}).Close())
	}
}

func BenchmarkTrimFront(b *testing.B) {
	l := mustOpen(b, filepath.Join(b.TempDir(), "log"), Options{})
	defer l.Close()
	rec := Record{1, make([]byte, 64<<10)}
	for range 32 {
		_, err := l.Append(rec)
		must(b, err)
	}
	for b.Loop() {
		_, err := l.Append(rec)
		must(b, err)
		must(b, l.TrimFront(l.Last()-31))
	}
}
