package protocol

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// choices reads decisions off the input of a fuzz target. After its end every
// decision is the first that is offered.
type choices struct{ rest []byte }

func (c *choices) more() bool { return len(c.rest) > 0 }

// of gives a number from 0 to n-1; n is at most 256.
func (c *choices) of(n int) int {
	if len(c.rest) == 0 {
		return 0
	}
	b := c.rest[0]
	c.rest = c.rest[1:]
	return int(b) % n
}

// rarely is true once in n.
func (c *choices) rarely(n int) bool { return c.of(n) == n-1 }

func oneOf[T any](c *choices, from ...T) T { return from[c.of(len(from))] }

// story is what happened to a machine so far, told when a rule is broken.
type story struct {
	t     testing.TB
	lines []func() string
}

func (s *story) add(format string, args ...any) {
	s.lines = append(s.lines, func() string { return fmt.Sprintf(format, args...) })
}

// event tells of an event with the message in it.
func (s *story) event(ev Event) {
	s.lines = append(s.lines, func() string {
		in, ok := ev.(Received)
		if !ok {
			return brief(ev)
		}
		return fmt.Sprintf("on session %d, epoch %d: %s", in.Session, in.Epoch, brief(in.Message))
	})
}

var slotOwners = regexp.MustCompile(`owner:\[[0-9 ]*\]`)

// brief prints a value, without the owners of 16,384 slots, and cut where it
// gets long.
func brief(v any) string {
	text := fmt.Sprintf("%T %+v", v, v)
	if p := reflect.ValueOf(v); p.Kind() == reflect.Pointer && !p.IsNil() {
		text = fmt.Sprintf("%T %+v", v, p.Elem())
	}
	text = slotOwners.ReplaceAllString(text, "owner:…")
	return text[:min(len(text), 1000)]
}

// broken fails the test. rule is a name of doc.go.
func (s *story) broken(rule, format string, args ...any) {
	s.t.Helper()
	var all strings.Builder
	for _, line := range s.lines {
		all.WriteString(line() + "\n")
	}
	s.t.Fatalf("%s%s: "+format, append([]any{all.String(), rule}, args...)...)
}

// audit is what the rules of both machines share: sessions, and what is durable
// of the epoch.
type audit struct {
	story
	open  map[Session]bool // sessions that take messages
	epoch Epoch            // highest that is durable
}

func newAudit(t testing.TB) audit {
	return audit{story: story{t: t}, open: map[Session]bool{}}
}

// sessions checks one step: nothing goes to a session that has ended.
func (a *audit) sessions(e Effects) {
	for _, env := range e.Send {
		if !a.open[env.Session] {
			a.broken("effects", "%T goes to session %d, which has ended", env.Message, env.Session)
		}
	}
	for _, c := range e.Close {
		delete(a.open, c.Session)
	}
}

// epochs checks effects that are carried out, after what they persist: no
// message carries an epoch that is not durable (C1, S5).
func (a *audit) epochs(e Effects) {
	for _, env := range e.Send {
		if env.Epoch > a.epoch {
			a.broken("S5", "%T carries epoch %d, durable is %d", env.Message, env.Epoch, a.epoch)
		}
	}
}
