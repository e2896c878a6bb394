package executor

import (
	"bytes"
	"syscall"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/state"
	"github.com/lockstep-exec/lockstep/wal"
)

// filler writes 64 KiB of the last byte of the payload to every key.
var filler = machineFunc(func(tx *Tx) string {
	for i := range tx.Keys() {
		tx.Put(i, bytes.Repeat(tx.Payload()[len(tx.Payload())-1:], 64<<10))
	}
	return protocol.OutcomeApplied
})

// sized mounts a file system in memory, or gives the one there another size.
func sized(t *testing.T, dir, size string, flags uintptr) {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, "size="+size); err != nil {
		t.Skipf("it takes the right to mount: %v", err)
	}
}

// TestLargeHeightsDoNotFillTheDisk: seven blocks of 12 MiB, on a disk that holds
// five of them above the floor of free space.
func TestLargeHeightsDoNotFillTheDisk(t *testing.T) {
	const blocks, floor = 7, 32 << 20
	dir := t.TempDir()
	sized(t, dir, "120m", 0)
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	b := newBoss(t, 1)
	h := &house{t: t, options: Options{
		Directory: dir, Coordinators: []string{b.gate.address()}, Machine: filler, Logger: quietLogger(), MinFreeBytes: floor,
		Checkpoint: state.Policy{MaxBytes: 1 << 30, MaxAge: time.Hour, IdleAfter: time.Hour}, // none by itself
	}}
	h.start()
	t.Cleanup(func() { // before the file system goes
		if h.up {
			h.stop()
		}
	})
	var access []string
	for _, key := range keysOn(b.config.Slots, 0, 192) {
		access = append(access, "w:"+key)
	}
	for n := range byte(blocks) {
		b.submit([]protocol.Transaction{txn("a"+string(n), access...)})
	}
	eventually(t, "it refuses", func() bool { return h.Status().Notes["refused_vote"] > 0 })
	free, err := wal.FreeBytes(dir)
	if s := h.Status(); err != nil || s.Stopped != "" || free < floor-1<<20 {
		t.Fatalf("%d MiB are free, %v; status %+v", free>>20, err, s)
	}
	sized(t, dir, "400m", syscall.MS_REMOUNT)
	for range blocks {
		if a := receive(t, "an answer", b.answers); a.Verdict != protocol.VerdictCommitted {
			t.Errorf("verdict %d: %s", a.Verdict, a.Reason)
		}
	}
	h.awaits(blocks)
}
