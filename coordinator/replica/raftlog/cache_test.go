package raftlog

import (
	"testing"

	"github.com/hashicorp/raft"
)

// cached lists what is in the cache.
func cached(l *Log) (first, last uint64) {
	if n := uint64(len(l.cache.logs)); n > 0 {
		return l.cache.first, l.cache.first + n - 1
	}
	return 0, 0
}

func wantCached(t *testing.T, l *Log, first, last uint64) {
	t.Helper()
	if f, e := cached(l); f != first || e != last {
		t.Fatalf("%d to %d are in memory, want %d to %d", f, e, first, last)
	}
	total := int64(0)
	for i := range l.cache.logs {
		total += cacheCost(&l.cache.logs[i])
	}
	if total != l.cache.bytes || total > l.opts.CacheBytes {
		t.Fatalf("cache counts %d bytes, has %d, limit %d", l.cache.bytes, total, l.opts.CacheBytes)
	}
}

func TestCacheIsBounded(t *testing.T) {
	dir := scratch(t)
	opts := small()
	opts.CacheBytes = 10 * (rowCost + 100)
	l := mustOpen(t, dir, opts)
	sized := func(first, last uint64, bytes int) {
		t.Helper()
		for i := first; i <= last; i++ {
			must(t, l.StoreLog(&raft.Log{Index: i, Term: 1, Data: make([]byte, bytes)}))
		}
	}
	sized(1, 30, 100)
	wantCached(t, l, 21, 30)
	sized(31, 31, 500)
	wantCached(t, l, 24, 31)
	sized(32, 32, 5000)
	wantCached(t, l, 0, 0)
	sized(33, 35, 100)
	wantCached(t, l, 33, 35)
	must(t, l.DeleteRange(35, 35))
	wantCached(t, l, 33, 34)
	sized(33, 33, 100)
	wantCached(t, l, 33, 33)
	must(t, l.DeleteRange(31, 33))
	wantCached(t, l, 0, 0)
	sized(31, 40, 100)
	must(t, l.DeleteRange(1, 35))
	wantCached(t, l, 36, 40)
	must(t, l.Close())
	l = mustOpen(t, dir, opts)
	if _, last := cached(l); last != 40 {
		t.Fatalf("the newest in memory after a restart is %d", last)
	}
	must(t, l.DeleteRange(1, 40))
	wantCached(t, l, 0, 0)
	must(t, l.Close())
}

// TestCacheSparesTheDisk: while the disk is busy, new entries can be read and
// old ones wait.
func TestCacheSparesTheDisk(t *testing.T) {
	opts := small()
	opts.CacheBytes = 1000
	l := mustOpen(t, scratch(t), opts)
	must(t, l.StoreLogs(entries(1, 50, 1)))
	first, _ := cached(l)
	must(t, l.wal.Close())
	var e raft.Log
	for index := first; index <= 50; index++ {
		must(t, l.GetLog(index, &e))
	}
	wantErr(t, l.GetLog(first-1, &e), ErrClosed)
}
