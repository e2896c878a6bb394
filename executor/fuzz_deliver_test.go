package executor

import (
	"bytes"
	"errors"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

// FuzzDeliver plays what a peer may push, whenever and for whatever attempt, between
// the pieces of executions that begin, are dropped and are committed: what is kept for
// attempts that have not begun stays within its bound, a result comes once, of an
// attempt that runs, and at a commit what was kept for its height is gone.
func FuzzDeliver(ff *testing.F) {
	f := fuzz.New(ff)
	config := testConfig(2)
	block, values := cross(config, "v")
	sub := protocol.EncodeSubBlock(subBlocks(block, config.Slots)[0])
	push := append([]byte{2, 1, 0, byte(len(values))}, values...)
	f.Add(append([]byte{0}, append(push, 1, 0, 1, 0, 1, 0, 1, 0, 5)...))
	f.Add(append(push, 0, 1, 0, 1, 0, 4, 0, 1, 0, 1, 0, 5))
	f.Add([]byte{2, 2, 0, 2, 255, 255, 3, 3, 1, 0, 5})
	f.Bound(1<<16, 1<<20) // every two bytes may begin an execution
	f.Fuzz(func(t testing.TB, script []byte) {
		d := &deliveredTo{t: t, script: script[:min(len(script), 256)], sub: sub}
		d.runner = NewRunner(RunnerParts{
			Machine: mixer, Staging: newMemory(), Pusher: newLine(), Schedule: &d.hand, Now: fixedNow, Report: d.report,
		}, RunnerOptions{Workers: 2, EarlyBytes: earlyBytes})
		d.runner.Configure(config)
		for len(d.script) > 0 {
			d.act()
			d.check()
		}
		d.running = protocol.AttemptID{}
		d.runner.Close()
		for len(d.hand.pieces) > 0 {
			d.hand.run(0)
		}
	})
}

const earlyBytes = 512

// deliveredTo is a runner in one thread, with a script of what happens to it.
type deliveredTo struct {
	t         testing.TB
	script    []byte // what is left
	sub       []byte // of every attempt
	runner    *Runner
	hand      piecesInHand
	committed protocol.Height
	attempt   uint32
	running   protocol.AttemptID // zero if none is
	ended     bool               // the attempt above the committed height has a result
}

func (d *deliveredTo) next(n int) []byte {
	n = min(n, len(d.script))
	taken := bytes.Clone(d.script[:n])
	d.script = d.script[n:]
	return taken
}

// of gives a number from 0 to n-1.
func (d *deliveredTo) of(n int) int {
	b := append(d.next(1), 0)
	return int(b[0]) % n
}

func (d *deliveredTo) act() {
	switch d.of(6) {
	case 0:
		d.attempt++
		d.running, d.ended = at(d.committed+1, d.attempt), false
		d.runner.Execute(&protocol.Execute{Attempt: d.running, SubBlock: d.sub})
	case 1:
		if n := len(d.hand.pieces); n > 0 {
			d.hand.run(d.of(n))
		}
	case 2:
		d.push(at(d.committed+protocol.Height(d.of(3)), d.attempt+uint32(d.of(3))))
	case 3:
		a := at(d.committed+maxAhead+1, 1)
		if err := d.push(a); err == nil || errors.Is(err, ErrEarly) {
			d.t.Fatalf("values of attempt %s at height %d: %v", a, d.committed, err)
		}
	case 4:
		d.running, d.ended = protocol.AttemptID{}, false
		d.runner.Drop(d.committed + 1)
	case 5:
		if d.ended {
			d.committed++
			d.ended = false
			d.runner.Commit(d.committed)
		}
	}
}

func (d *deliveredTo) push(a protocol.AttemptID) error {
	return d.runner.Deliver(1, a, d.next(d.of(64)))
}

func (d *deliveredTo) report(e protocol.Executed) {
	if e.Attempt != d.running {
		d.t.Fatalf("attempt %s has a result, %s runs", e.Attempt, d.running)
	}
	d.running, d.ended = protocol.AttemptID{}, true
}

func (d *deliveredTo) check() {
	if bytes := keptEarly(d.t, d.runner); bytes > earlyBytes {
		d.t.Fatalf("%d bytes are kept, the bound is %d", bytes, earlyBytes)
	}
	for h := range d.runner.early.heights {
		if h <= d.committed {
			d.t.Fatalf("values of height %d are kept, height %d is committed", h, d.committed)
		}
	}
}
