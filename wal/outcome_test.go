package wal

import (
	"errors"
	"testing"
)

// What tidwall/wal does not do by itself, and the tests that it is done here:
//
//	no checksum; phantom records of zeros    TestFlipEveryBit, TestTailOfZeros, TestTailSectors
//	looks at the last segment only           TestCutEveryByteAcknowledged, TestSegmentsMisplaced
//	panics when a segment is shorter         TestDamageUnderOpenLog, TestCutEveryByteAcknowledged
//	page cache only, after a kill            TestSyncsBeforeAcknowledgements, TestUnforcedRecordsAreWrittenAgain
//	goes on after a short write              TestShortWrites, TestFullDisk
//	goes on after a failed sync              TestFailingCalls
//	no sync of the directory                 TestSyncsBeforeAcknowledgements
//	races of concurrent reads                TestConcurrentUse, with the race detector
//	a second owner                           TestOneOwner
//	truncation needs space, and may stop     TestFullDiskWithoutReserve, TestTrimInterrupted, TestKilledAtEveryCall
//	acts on *.START and *.END unseen         TestUnknownLeftovers, TestTrimInterruptedAndDamaged

// outcome is what may become of a log after a fault. Everything else is a bug.
type outcome string

const (
	whole   outcome = "everything acknowledged is there"
	refused outcome = "refused as damaged"
)

// history is what was done to a log before a fault.
type history struct {
	first   uint64            // records below were trimmed
	records map[uint64]Record // everything that was ever written, last version
	acked   uint64            // up to here it was acknowledged
}

// historyOf is the history of a log of n records of run 0.
func historyOf(n, acked uint64) history {
	h := history{first: 1, records: map[uint64]Record{}, acked: acked}
	for seq := uint64(1); seq <= n; seq++ {
		h.records[seq] = payload(0, seq, sizeOf(seq))
	}
	return h
}

// laterRun marks the records that check writes after the fault.
const laterRun = 99

// check opens the log after a fault and holds it to the two outcomes. If it
// opens, it holds a row of what was written, up to the last acknowledged one
// at least; and when other records have been written behind these and the log
// is opened again, it holds exactly both. If it is refused, nothing changed.
func (h history) check(t *testing.T, dir string, opts Options) outcome {
	t.Helper()
	before := take(t, dir)
	l, err := Open(dir, opts)
	if errors.Is(err, ErrDamaged) {
		if !before.equal(t, dir) {
			t.Fatal("a refused open changed something")
		}
		return refused
	}
	must(t, err)
	first, kept := l.First(), l.Last()
	h.compare(t, l, first, kept)
	if first > h.first || kept < h.acked {
		t.Fatalf("log holds %d to %d, but %d to %d were acknowledged (%v)", first, kept, h.first, h.acked, l.Repairs())
	}
	if l.Durable() != kept {
		t.Fatalf("durable is %d after open, last is %d", l.Durable(), kept)
	}
	appendRun(t, l, laterRun, 3)
	must(t, l.Close())

	l = mustOpen(t, dir, opts)
	if len(l.Repairs()) != 0 {
		t.Fatalf("second open mends again: %v", l.Repairs())
	}
	if l.First() != first || l.Last() != kept+3 {
		t.Fatalf("second open holds %d to %d, want %d to %d", l.First(), l.Last(), first, kept+3)
	}
	h.compare(t, l, first, kept)
	must(t, l.Close())
	return whole
}

// compare checks all records: up to kept those of the history, then those of
// the later run.
func (h history) compare(t *testing.T, l *Log, first, kept uint64) {
	t.Helper()
	all, err := contents(l)
	must(t, err)
	for seq := first; seq <= l.Last(); seq++ {
		want := h.records[seq]
		if seq > kept {
			want = payload(laterRun, seq, sizeOf(seq))
		}
		if want.Data == nil {
			t.Fatalf("record %d was never written", seq)
		}
		if !same(all[seq], want) {
			t.Fatalf("record %d is not what was written", seq)
		}
	}
}

// tally counts cases by outcome.
type tally map[outcome]int

func (c tally) report(t *testing.T, what string) {
	t.Helper()
	n := 0
	for _, k := range c {
		n += k
	}
	t.Logf("%s: %d cases; %d %s; %d %s", what, n, c[whole], whole, c[refused], refused)
}
