package sim

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/lockstep-exec/lockstep/protocol"
)

// trace sums up everything that happens, and writes it down if asked to.
type trace struct {
	sum   *xxhash.Digest
	out   io.Writer // nil while nobody reads
	world *world
	buf   []byte
}

func newTrace(w *world, out io.Writer) *trace {
	return &trace{sum: xxhash.New(), out: out, world: w}
}

// note adds something that happened to the trace. The numbers are all that is
// kept of it in the sum, besides who and what.
func (t *trace) note(who, what string, numbers ...uint64) {
	b := append(append(t.buf[:0], who...), 0)
	b = append(append(b, what...), 0)
	for _, n := range numbers {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	t.sum.Write(b)
	t.buf = b
	if t.out != nil {
		t.line(who, what, fmt.Sprint(numbers))
	}
}

// mark adds numbers to the sum, and no line.
func (t *trace) mark(numbers ...uint64) {
	b := t.buf[:0]
	for _, n := range numbers {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	t.sum.Write(b)
	t.buf = b
}

// say adds a line for people; the sum does not have it.
func (t *trace) say(who, format string, args ...any) {
	if t.out != nil {
		t.line(who, fmt.Sprintf(format, args...), "")
	}
}

func (t *trace) line(who, what, rest string) {
	fmt.Fprintf(t.out, "%5d %9s  %-14s %s %s\n", t.world.steps, t.world.now.Round(time.Microsecond*100), who, what, rest)
}

// message adds a message on its way. data is what travels.
func (t *trace) message(who, what string, env protocol.Envelope, data []byte) {
	t.sum.Write(data)
	if t.out != nil {
		t.line(who, what, fmt.Sprintf("session %d epoch %d: %s", env.Session, env.Epoch, describe(env.Message)))
	}
}

// events adds what a node handles at once, and how much is left.
func (t *trace) events(who string, events []protocol.Event, left int) {
	t.mark(uint64(len(events)), uint64(left))
	if t.out == nil {
		return
	}
	var list []string
	for _, ev := range events {
		list = append(list, describeEvent(ev))
	}
	t.line(who, "handles "+strings.Join(list, ", "), fmt.Sprintf("(%d left)", left))
}

// describeEvent puts an event into words, without the message that it brings.
func describeEvent(ev protocol.Event) string {
	switch ev := ev.(type) {
	case protocol.Received:
		return fmt.Sprintf("%T of session %d", ev.Message, ev.Session)
	case protocol.Executed:
		if ev.Failure != nil {
			return fmt.Sprintf("failure of %s: %s", ev.Attempt, ev.Failure.Reason)
		}
		return "result of " + ev.Attempt.String()
	case protocol.Submitted:
		return fmt.Sprintf("block %q of client %d", ev.Block.Key, ev.Waiter)
	case protocol.Tick:
		return "tick"
	}
	return strings.TrimPrefix(fmt.Sprintf("%T%v", ev, ev), "protocol.")
}

// describe puts a message into words.
func describe(m protocol.Message) string {
	switch m := m.(type) {
	case *protocol.Hello:
		return fmt.Sprintf("hello epoch %d committed %s checkpointed %d prepared %s", m.Epoch, m.Committed.Attempt, m.Checkpointed, attemptsOf(m.Prepared))
	case *protocol.Vote:
		if m.Yes {
			return fmt.Sprintf("vote yes %s digest %.8s", m.Attempt, m.Digest)
		}
		return fmt.Sprintf("vote no %s (retry %v): %s", m.Attempt, m.Refusal.Retry, m.Refusal.Reason)
	case *protocol.Execute:
		return fmt.Sprintf("execute %s on %s block %.8s", m.Attempt, m.Parent, m.Block)
	case *protocol.Welcome:
		return fmt.Sprintf("welcome, decided %d, peers %v", m.Committed, m.Peers)
	case protocol.Commit:
		return fmt.Sprintf("commit %s digest %.8s", m.Committed.Attempt, m.Digest)
	case protocol.Abort:
		return fmt.Sprintf("abort %s", m.Attempt)
	}
	return fmt.Sprintf("%T%v", m, m)
}

func attemptsOf(votes []protocol.Vote) (list []string) {
	for _, v := range votes {
		list = append(list, v.Attempt.String())
	}
	return list
}
