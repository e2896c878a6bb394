package coordinator

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lockstep-exec/lockstep/protocol"
)

// told is a teller on a clock of its own, and what it has written.
type told struct {
	*teller
	buf    bytes.Buffer
	at     time.Time
	status protocol.CoordinatorStatus
}

func newTold() *told {
	t := &told{at: time.Unix(1e9, 0), status: protocol.CoordinatorStatus{Shards: make([]protocol.ShardStatus, 2)}}
	t.teller = newTeller(hclog.New(&hclog.LoggerOptions{Output: &t.buf, DisableTime: true}))
	return t
}

// pass has the time go by in ticks.
func (t *told) pass(d time.Duration) {
	for end := t.at.Add(d); t.at.Before(end); t.at = t.at.Add(protocol.TickInterval) {
		t.tick(t.at, func() protocol.CoordinatorStatus { return t.status })
	}
}

// lines gives what was written since the last time.
func (t *told) lines() []string {
	defer t.buf.Reset()
	return strings.FieldsFunc(t.buf.String(), func(r rune) bool { return r == '\n' })
}

func TestAShardThatIsAwayForTwoMinutes(t *testing.T) {
	l := newTold()
	l.status.Shards[0] = protocol.ShardStatus{Connected: true, Address: "here"}
	l.pass(2 * time.Minute)
	lines := l.lines()
	if len(lines) != 7 || !strings.HasPrefix(lines[0], "[WARN]  a shard is away") || !strings.Contains(lines[6], "shard=1") {
		t.Errorf("%d lines:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	l.status.Shards[1] = l.status.Shards[0]
	l.pass(time.Minute)
	if lines := l.lines(); len(lines) != 1 || !strings.Contains(lines[0], "the shard is back: shard=1 address=here lasted=1m59s failures=119 left_out=112") {
		t.Errorf("%d lines:\n%s", len(lines), strings.Join(lines, "\n"))
	}
}

// A shard has a moment to come after the coordinator has begun.
func TestShardsThatComeAtOnceAreNotMissed(t *testing.T) {
	l := newTold()
	l.pass(lookInterval)
	for i := range l.status.Shards {
		l.status.Shards[i].Connected = true
	}
	l.pass(time.Minute)
	if lines := l.lines(); len(lines) > 0 {
		t.Errorf("%q", lines)
	}
}

func TestAQuarantinedShardNeedsAPerson(t *testing.T) {
	l := newTold()
	l.status.Shards = []protocol.ShardStatus{{Quarantined: "bit rot"}, {Connected: true}}
	l.pass(lookInterval + protocol.TickInterval)
	if lines := l.lines(); len(lines) != 1 || !strings.HasPrefix(lines[0], "[ERROR] a shard is quarantined") || !strings.Contains(lines[0], `reason="bit rot"`) {
		t.Errorf("%q", lines)
	}
}

// Blocks that no shard lets through are tried again all the time, and withdrawn in
// the end, thousands of them.
func TestBlocksThatDoNotComeThrough(t *testing.T) {
	l := newTold()
	attempt := protocol.AttemptID{Height: 7, Epoch: 1, Attempt: 1}
	for range 1000 {
		l.note(protocol.Note{Kind: protocol.NoteAborted, Attempt: attempt, Text: "shard 1 has no space"})
		l.note(protocol.Note{Kind: protocol.NoteWithdrawn, Attempt: attempt, Text: "the deadline passed"})
		l.pass(100 * time.Millisecond)
	}
	l.lines()
	l.decided(&protocol.Decision{Attempt: attempt})
	lines := l.lines()
	if len(lines) != 2 || !strings.Contains(lines[0], "failures=999 left_out=992") || !strings.Contains(lines[1], "failures=999 left_out=992") {
		t.Errorf("%q", lines)
	}
}

// What an operator asks for is in the log each time, however often it comes.
func TestWhatOperatorsDoIsNeverLeftOut(t *testing.T) {
	l := newTold()
	for range 20 {
		l.note(protocol.Note{Kind: protocol.NoteResolved, Text: "ann resolves block \"a\" at height 1: nothing"})
	}
	lines := l.lines()
	if len(lines) != 20 || !strings.Contains(lines[19], "an operator resolves a block") || !strings.Contains(lines[19], "ann resolves block") {
		t.Errorf("%d lines:\n%s", len(lines), strings.Join(lines, "\n"))
	}
}

// TestEveryLieIsTheSame: a shard that is refused for another number or in other words
// each time does not fill the log; another shard has lines of its own.
func TestEveryLieIsTheSame(t *testing.T) {
	told := newTold()
	told.pass(time.Second)
	told.lines()
	for i := range 1000 {
		told.note(protocol.Note{Kind: protocol.NoteRejected, Text: fmt.Sprintf("shard 1 has committed height %d, but only 1 is decided", i)})
		told.note(protocol.Note{Kind: protocol.NoteRejected, Text: fmt.Sprintf("shard 1 has digest %064x at height 1 (attempt 1/1.1), the decision says %064x", i, i)})
		told.note(protocol.Note{Kind: protocol.NoteRejected, Text: "shard 1 is quarantined: " + strings.Repeat("a", i%16) + " lie"})
	}
	if n := len(told.lines()); n > 3*12 {
		t.Errorf("%d lines for 3,000 lies of 3 kinds", n)
	}
	told.note(protocol.Note{Kind: protocol.NoteRejected, Text: "shard 0 has committed height 7, but only 1 is decided"})
	if n := len(told.lines()); n != 1 {
		t.Errorf("%d lines for what another shard did", n)
	}
}
