package state

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
)

const benchKeys = 200_000

func benchKey(i int) []byte { return fmt.Appendf(nil, "account/%08d", i) }

func benchWrites(ids []int, value uint64) []protocol.WriteOp {
	slices.Sort(ids)
	writes := make([]protocol.WriteOp, 0, len(ids))
	for _, i := range slices.Compact(ids) {
		writes = append(writes, protocol.WriteOp{Key: benchKey(i), Value: binary.BigEndian.AppendUint64(nil, value)})
	}
	return writes
}

// benchStore holds benchKeys accounts, all in the database.
func benchStore(b *testing.B) *Store {
	b.Helper()
	dir := b.TempDir()
	must(b, Create(dir, Checkpoint{}, Options{}))
	s, err := Open(dir, Options{})
	must(b, err)
	b.Cleanup(func() { must(b, s.Close()) })
	ids := rand.New(rand.NewPCG(1, 1)).Perm(benchKeys)
	for part := range slices.Chunk(ids, 50_000) {
		advance(b, s, benchWrites(part, 1)...)
		flushTo(b, s, s.CommittedHeight())
	}
	return s
}

func randomIDs(rng *rand.Rand, n int) []int {
	ids := make([]int, n)
	for i := range ids {
		ids[i] = rng.IntN(benchKeys)
	}
	return ids
}

func benchGet(b *testing.B, s *Store, keys [][]byte) {
	v, err := s.View(s.CommittedHeight())
	must(b, err)
	defer v.Close()
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, _, err := v.Get(keys[i%len(keys)]); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkGet(b *testing.B) {
	s := benchStore(b)
	rng := rand.New(rand.NewPCG(2, 2))
	var keys, absent [][]byte
	for _, i := range randomIDs(rng, 10_000) {
		keys = append(keys, benchKey(i))
		absent = append(absent, append(benchKey(i), 'x'))
	}
	b.Run("database", func(b *testing.B) { benchGet(b, s, keys) })
	b.Run("absent", func(b *testing.B) { benchGet(b, s, absent) })
	all := make([]int, benchKeys)
	for i := range all {
		all[i] = i
	}
	advance(b, s, benchWrites(all, 2)...)
	b.Run("memory", func(b *testing.B) { benchGet(b, s, keys) })
}

func BenchmarkOpenView(b *testing.B) {
	s := benchStore(b)
	b.ReportAllocs()
	for b.Loop() {
		v, err := s.View(s.CommittedHeight())
		must(b, err)
		v.Close()
	}
}

// BenchmarkFlush writes 10,000 random accounts of 200,000 in a checkpoint.
func BenchmarkFlush(b *testing.B) {
	s := benchStore(b)
	rng := rand.New(rand.NewPCG(3, 3))
	for b.Loop() {
		b.StopTimer()
		advance(b, s, benchWrites(randomIDs(rng, 10_000), rng.Uint64())...)
		b.StartTimer()
		flushTo(b, s, s.CommittedHeight())
	}
}

// BenchmarkStage stages and commits blocks of 10,000 writes; b.N blocks are in
// memory at the end, up to 50.
func BenchmarkStage(b *testing.B) {
	s := benchStore(b)
	rng := rand.New(rand.NewPCG(4, 4))
	for b.Loop() {
		b.StopTimer()
		writes := benchWrites(randomIDs(rng, 10_000), rng.Uint64())
		if s.PendingHeights() == 50 {
			flushTo(b, s, s.CommittedHeight())
		}
		b.StartTimer()
		advance(b, s, writes...)
	}
}

// BenchmarkRestore brings 200 heights of 2,500 writes back, merged and one by one.
func BenchmarkRestore(b *testing.B) {
	rng := rand.New(rand.NewPCG(6, 6))
	var heights [][]byte
	for range 200 {
		heights = append(heights, protocol.EncodeWrites(benchWrites(randomIDs(rng, 2_500), rng.Uint64())))
	}
	restore := func(b *testing.B, hold int) {
		for b.Loop() {
			b.StopTimer()
			dir := b.TempDir()
			must(b, Create(dir, Checkpoint{}, Options{}))
			s, err := Open(dir, Options{})
			must(b, err)
			b.StartTimer()
			r := s.Restore(hold)
			for i, writes := range heights {
				must(b, r.Add(committed(protocol.Height(i+1)), writes))
			}
			must(b, r.Finish())
			b.StopTimer()
			must(b, s.Close())
			b.StartTimer()
		}
	}
	b.Run("merged", func(b *testing.B) { restore(b, 16) })
	b.Run("one_by_one", func(b *testing.B) { restore(b, len(heights)) })
}

func BenchmarkScan(b *testing.B) {
	s := benchStore(b)
	advance(b, s, benchWrites(randomIDs(rand.New(rand.NewPCG(5, 5)), 10_000), 2)...)
	for b.Loop() {
		n := 0
		_, err := s.Scan(func(_, _ []byte) error { n++; return nil })
		must(b, err)
		if n != benchKeys {
			b.Fatalf("%d pairs", n)
		}
	}
}

// BenchmarkBlock is what the state does for one block: read 5,000 random
// accounts of 200,000, stage and commit new values, and checkpoint every 40
// blocks.
func BenchmarkBlock(b *testing.B) {
	s := benchStore(b)
	rng := rand.New(rand.NewPCG(6, 6))
	var blocks [][]protocol.WriteOp
	for range 80 {
		blocks = append(blocks, benchWrites(randomIDs(rng, 5_000), rng.Uint64()))
	}
	b.ReportAllocs()
	began, written := cpuTime(b), 0
	for i := 0; b.Loop(); i++ {
		writes := blocks[i%len(blocks)]
		v, err := s.View(s.CommittedHeight())
		must(b, err)
		for _, w := range writes {
			_, _, err := v.Get(w.Key)
			must(b, err)
		}
		v.Close()
		advance(b, s, writes...)
		if i%40 == 39 {
			flushTo(b, s, s.CommittedHeight())
		}
		written += len(writes)
	}
	b.ReportMetric(float64((cpuTime(b)-began).Nanoseconds())/float64(written), "cpu-ns/write")
}

// cpuTime is the processor time that this process has used.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
