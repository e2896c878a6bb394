package sim

import (
	"fmt"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
)

// client submits blocks, one after the other, and reads.
type client struct {
	chooser
	world   *world
	author  author
	at      time.Duration  // when it does something next
	waits   *submission    // for an answer, until then at most
	held    protocol.Event // of waits: looked up in the history, and not handed over yet
	retries *content       // to be submitted again, with the same key
}

// submission is a block that a client has submitted and waits for.
type submission struct {
	waiter   protocol.Waiter
	content  *content
	client   *client
	process  *coordinatorProcess
	deadline time.Time // zero for none
	pass     int       // of its coordinator that has taken it up; 0 before
	left     bool      // the client waits no longer
	// closed: the block of this submission will never be decided for its sake.
	closed bool
}

func (w *world) newClient(i int) *client {
	c := newChooser(w.seed, streamClients, i)
	return &client{chooser: c, world: w, author: newAuthor(c), at: c.wait(0, 50*time.Millisecond)}
}

// act lets the client do something.
func (c *client) act() {
	w := c.world
	c.at = w.now + c.wait(0, w.pause)
	switch {
	case c.held != nil && c.waits.process.takesMore():
		c.handOver()
	case c.held != nil:
		w.count("inboxes full")
	case c.waits != nil:
		w.count("clients left")
		c.waits.left = true
		c.retries, c.waits = c.waits.content, nil
	case c.percent(25):
		w.read(c.chooser)
		if c.percent(30) {
			w.look(c.chooser)
		}
	case c.retries != nil:
		again := c.retries
		c.retries = nil
		c.submit(again)
	default:
		c.submit(c.next())
	}
}

// next chooses what to submit: a new block, an old one, or an old key with
// another content.
func (c *client) next() *content {
	w := c.world
	old := len(w.contents)
	switch {
	case old < w.blocks && (old == 0 || w.options.Plain || c.percent(85)):
		fresh := c.author.block(fmt.Sprintf("block-%d", old))
		if w.chained() && old%chainLength > 0 {
			fresh.after = w.contents[old-1].key
			w.count("blocks after others")
		}
		w.contents = append(w.contents, fresh)
		w.trace.note("client", "new block", uint64(old), uint64(len(fresh.transactions)))
		return fresh
	case old == 0 || w.options.Plain || c.percent(70):
		c.at += 2 * w.pause
		return nil
	case c.percent(30):
		w.count("keys with another content")
		return c.author.block(one(c.chooser, w.contents).key)
	}
	w.count("old blocks again")
	return one(c.chooser, w.contents)
}

// chainLength is how many blocks a chain has, each of which comes after the one
// before it.
const chainLength = 4

// chained reports whether blocks come in chains: with every third seed they do.
func (w *world) chained() bool { return w.seed%3 == 0 }

// submit brings a block to some coordinator, as the API does.
func (c *client) submit(b *content) {
	w := c.world
	if b == nil {
		return
	}
	p := w.anyCoordinator(c.chooser)
	if p == nil || p.core == nil {
		c.retries = b
		return
	}
	block, err := p.core.Prepare(b.key, b.body)
	if err != nil {
		_ = w.fail("client", "block %q is refused: %v", b.key, err)
	}
	ready, d, err := p.core.Look(protocol.Submitted{Block: block, After: b.after})
	switch {
	case err != nil:
		_ = w.fail("3 durability", "%s cannot look block %q up: %v", p.name, b.key, err)
	case d != nil:
		w.checkFound(p, b, d)
	case p.abandoned != "":
		c.retries = b
	default:
		c.enter(p, b, ready)
	}
}

// enter has the block taken up, and waits.
func (c *client) enter(p *coordinatorProcess, b *content, ev protocol.Submitted) {
	w := c.world
	w.waiters++
	s := &submission{waiter: w.waiters, content: b, client: c, process: p}
	ev.Waiter = s.waiter
	if !w.options.Plain && c.percent(w.hurried) {
		s.deadline = p.clock().Add(c.wait(w.patience/300, w.patience))
		ev.Deadline = s.deadline
	}
	c.waits, c.held = s, ev
	p.waiting = append(p.waiting, s)
	w.asked[b.key] = append(w.asked[b.key], s)
	w.trace.note("client", "submits", uint64(s.waiter), uint64(p.start))
	w.trace.say("client", "submits block %q to %s", b.key, p.name)
	if c.percent(15) || !p.takesMore() { // the history may grow between the look-up and the machine
		w.count("looked up early")
		c.at = w.now + c.wait(0, 4*w.pause)
		return
	}
	c.handOver()
}

// handOver gives what was looked up to the machine.
func (c *client) handOver() {
	c.waits.process.post(c.held)
	c.held = nil
	c.at = c.world.now + c.wait(time.Second, 10*time.Second)
}

// mark notes which submissions are taken up in this pass.
func (p *coordinatorProcess) mark(events []protocol.Event) {
	for _, ev := range events {
		if in, ok := ev.(protocol.Submitted); ok {
			for _, s := range p.waiting {
				if s.waiter == in.Waiter {
					s.pass = p.handled
				}
			}
		}
	}
}

// clients tells a coordinator's clients what became of their blocks.
type clients struct{ *coordinatorProcess }

// Answer implements coordinator.Clients.
func (c clients) Answer(a protocol.Answer) {
	c.operation("before an answer")
	w := c.world
	if asked, ok := c.operators[a.Waiter]; ok {
		delete(c.operators, a.Waiter)
		w.checkResolved(c.coordinatorProcess, asked, a)
		return
	}
	for i, s := range c.waiting {
		if s.waiter != a.Waiter {
			continue
		}
		c.waiting = append(c.waiting[:i:i], c.waiting[i+1:]...)
		w.trace.note(c.name, "answers", uint64(a.Waiter), uint64(a.Verdict))
		w.trace.say(c.name, "tells the client of %q: %s", s.content.key, a.Reason)
		w.checkAnswer(c.coordinatorProcess, s, a)
		s.heard(a.Verdict)
		return
	}
	_ = w.fail("client", "%s answers client %d, who does not wait", c.name, a.Waiter)
}

// expired reports whether the deadline is over, for the coordinator.
func (s *submission) expired() bool {
	return !s.deadline.IsZero() && !s.process.clock().Before(s.deadline)
}

// heard lets the client act on an answer.
func (s *submission) heard(v protocol.Verdict) {
	c := s.client
	if s.left {
		return
	}
	c.waits, c.held = nil, nil
	c.at = c.world.now + c.wait(0, c.world.pause)
	c.world.count(verdictNames[v])
	switch v {
	case protocol.VerdictOverloaded:
		c.retries = s.content
		c.at = c.world.now + c.wait(0, 4*c.world.pause)
	case protocol.VerdictRecheck, 0:
		c.retries = s.content
	case protocol.VerdictAborted, protocol.VerdictEarly:
		if c.percent(50) {
			c.retries = s.content
		}
	}
}

var verdictNames = [...]string{"told unknown", "told committed", "told aborted", "told rejected", "told conflict", "told overloaded", "told to look again", "told early"}

// Abandon implements coordinator.Clients.
func (c clients) Abandon(reason string) {
	c.operation("before clients are abandoned")
	c.abandon(reason)
}

func (p *coordinatorProcess) abandon(reason string) {
	if p.abandoned != "" {
		return
	}
	p.abandoned = reason
	for _, s := range p.waiting {
		s.heard(0)
	}
	p.waiting = nil
}
