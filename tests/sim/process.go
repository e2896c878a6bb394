package sim

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
)

// process is what shards and coordinators have in common: an inbox, a clock of
// its own, and the fuse of a crash in the middle of a step.
type process struct {
	chooser
	world *world
	name  string
	dead  bool

	inbox     []protocol.Event
	busyUntil time.Duration // handles nothing before

	// fuse is the number of operations up to the one at which the process
	// crashes; 0 for none.
	fuse int

	offset time.Duration // of its clock
	rate   int           // of its clock, in percent of the world's
}

func (w *world) newProcess(name string) process {
	w.processes++
	p := process{chooser: newChooser(w.seed, streamNodes, w.processes), world: w, name: name, rate: 100}
	if w.skewed {
		p.offset, p.rate = p.wait(-time.Hour, time.Hour), p.between(60, 160)
	}
	return p
}

// clock is the time as this process sees it.
func (p *process) clock() time.Time {
	return time.Unix(1_800_000_000, 0).Add(p.offset + p.world.now*time.Duration(p.rate)/100)
}

// crashed is what a process panics with whose fuse has blown.
type crashed struct{ at string }

// blown reports whether the process crashes at the operation that begins.
func (p *process) blown() bool { return p.fuse == 1 }

func (p *process) crashHere(at string) {
	p.fuse = 0
	panic(crashed{at})
}

// operation is a point at which the process may crash.
func (p *process) operation(at string) {
	if p.fuse > 0 {
		if p.fuse--; p.fuse == 0 {
			p.crashHere(at)
		}
	}
}

// do runs a step of the process. It gives why the process ends: the error with
// which it stops by itself, or the place at which it crashed; "" if it goes on.
func (p *process) do(step func() error) (ends string, stops error) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case crashed:
			ends = "crashes " + v.at
		case violation:
			panic(v)
		default:
			p.world.fail("panic", "%s panics: %v\n%s", p.name, v, debug.Stack())
		}
	}()
	if err := step(); err != nil {
		return fmt.Sprintf("ends: %v", err), err
	}
	return "", nil
}

func (p *process) post(ev protocol.Event) {
	if !p.dead {
		p.inbox = append(p.inbox, ev)
	}
}

// takesMore reports whether there is room for events from outside.
func (p *process) takesMore() bool { return len(p.inbox) < p.world.inboxEvents }

// take gives some of the events that wait, the first ones: they get one force.
func (p *process) take(most int) []protocol.Event {
	n := 1 + p.IntN(min(len(p.inbox), most))
	events := p.inbox[:n:n]
	p.inbox = p.inbox[n:]
	return events
}
