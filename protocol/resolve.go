package protocol

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// An operator may have a block settled that is not (C10). What can be asked for is
// what the coordinator may do at any moment anyway: end a session, abort an
// attempt, withdraw a block. Nobody can ask for a decision: it comes of votes.

// ResolveAction is what an operator asks for. The numbers are part of the format
// on disk.
type ResolveAction uint8

const (
	// ResolveResync ends the sessions of the shards that have not voted, or have
	// not committed what is decided: each says anew what it holds, and is asked or
	// told again.
	ResolveResync ResolveAction = 1
	// ResolveRetry aborts the live attempt, and those above it, and begins another.
	ResolveRetry ResolveAction = 2
	// ResolveWithdraw withdraws the block, as its deadline would (C5).
	ResolveWithdraw ResolveAction = 3
)

func (a ResolveAction) String() string {
	switch a {
	case ResolveResync:
		return "resync"
	case ResolveRetry:
		return "retry"
	case ResolveWithdraw:
		return "abort"
	}
	return fmt.Sprintf("action %d", uint8(a))
}

// Bounds of what an operator says, in bytes.
const (
	MaxResolveBy      = 256
	MaxResolveComment = 1024
)

// Resolve brings the wish of an operator to the coordinator.
type Resolve struct {
	Waiter Waiter
	Key    string
	// Height is the one at which the block was found, if it is decided.
	Height Height
	// Decided is its decision if the history has it: of old blocks nothing is at hand.
	Decided *Decision
	// Attempt is the one that the operator has seen, and the only one that a retry
	// aborts; zero for whichever is live.
	Attempt AttemptID
	Action  ResolveAction
	By      string // who, for people; at most MaxResolveBy
	Comment string // why, likewise; at most MaxResolveComment
	// DryRun: say what would be done, and do nothing.
	DryRun bool
}

func (Resolve) event() {}

// resolve does what an operator asks for, or says why not. Whatever it answers, it
// answers behind a force: who was deposed does not know what is decided (C1).
func (c *Coordinator) resolve(ev Resolve, e *Effects) {
	e.Force = true
	if len(ev.By) > MaxResolveBy || len(ev.Comment) > MaxResolveComment {
		answer(e, ev.Waiter, VerdictRefused, "who asks, or why, is too long")
		return
	}
	if i := slices.IndexFunc(c.blocks, func(p *pendingBlock) bool { return p.block.Key == ev.Key }); i >= 0 {
		c.resolvePending(i, ev, e)
		return
	}
	d := c.keys[ev.Key]
	if d == nil {
		d = c.decisions[ev.Height]
	}
	if d == nil {
		d = ev.Decided
	}
	if d == nil || d.Key != ev.Key {
		answer(e, ev.Waiter, VerdictRefused, fmt.Sprintf("block %q is neither waiting nor decided here: it was withdrawn, or never taken up", ev.Key))
		return
	}
	c.resolveDecided(d, ev, e)
}

func (c *Coordinator) resolvePending(i int, ev Resolve, e *Effects) {
	p := c.blocks[i]
	if ev.Action == ResolveRetry && p.live() && !ev.Attempt.IsZero() && ev.Attempt != p.attempt {
		answer(e, ev.Waiter, VerdictStaysInDoubt, fmt.Sprintf("attempt %s is over, and %s is under way: look again before you abort that one", ev.Attempt, p.attempt))
		return
	}
	what, do, reason := c.planned(i, ev)
	if reason != "" {
		answer(e, ev.Waiter, VerdictStaysInDoubt, reason)
		return
	}
	c.recordResolved(ev, c.blockStatus(i, p), what, e)
	if !ev.DryRun {
		do(e)
	}
}

// planned gives what an action comes to for blocks[i], and how to do it, or why it
// cannot help now.
func (c *Coordinator) planned(i int, ev Resolve) (what string, do func(*Effects), reason string) {
	p := c.blocks[i]
	switch ev.Action {
	case ResolveWithdraw:
		why := fmt.Sprintf("an operator, %s, has withdrawn it", ev.By)
		if ev.Comment != "" {
			why += " (" + ev.Comment + ")"
		}
		return c.withdrawal(i), func(e *Effects) { c.withdraw(i, VerdictAborted, why, e) }, ""
	case ResolveRetry:
		what, reason = c.retrial(i)
		return what, func(e *Effects) {
			c.abort(i, fmt.Sprintf("an operator, %s, has asked for another attempt", ev.By), e)
			c.retryAt = time.Time{}
		}, reason
	}
	if !p.live() {
		return "", nil, c.noAttempt()
	}
	missing := p.missing()
	if len(missing) == 0 {
		return "", nil, fmt.Sprintf("every shard has voted: it is decided as soon as height %d is, so resolve that one", c.height()+1)
	}
	ask, why := c.askable(missing)
	if len(ask) == 0 {
		return "", nil, why + ": only the shard itself can say what it holds; bring it back, and the block is decided, or give the block up with --abort"
	}
	return fmt.Sprintf("end the sessions of shards %v, so that they connect again, say what they hold, and are asked again; nothing is aborted", ask),
		func(e *Effects) { c.endSessions(ask, e) }, ""
}

// withdrawal says what withdrawing blocks[i] comes to.
func (c *Coordinator) withdrawal(i int) string {
	p := c.blocks[i]
	what := fmt.Sprintf("withdraw block %q", p.block.Key)
	if p.live() {
		what = fmt.Sprintf("abort attempt %s on every shard, and withdraw block %q", p.attempt, p.block.Key)
	}
	followers := len(c.followers(i))
	if followers > 0 {
		what += fmt.Sprintf(" with %d that come after it", followers)
	}
	what += "; clients are told that it is aborted"
	if len(c.blocks)-1-i > followers {
		what += ", and what stands above it moves down and is run again"
	}
	return what
}

// retrial says what another attempt of blocks[i] comes to, or why none can begin.
func (c *Coordinator) retrial(i int) (what, reason string) {
	p, away := c.blocks[i], c.away()
	switch {
	case !p.live() && len(away) > 0:
		return "", c.noAttempt()
	case !p.live():
		return "begin an attempt now, and not after the pause that a refusal brings", ""
	case len(away) > 0:
		return fmt.Sprintf("abort attempt %s and those above it on every shard, and begin another once shards %v are connected", p.attempt, away), ""
	}
	return fmt.Sprintf("abort attempt %s and those above it on every shard, and begin another at once", p.attempt), ""
}

func (c *Coordinator) noAttempt() string {
	if away := c.away(); len(away) > 0 {
		return fmt.Sprintf("no attempt is under way, and none can begin while shards %v are not connected: bring them back, or give the block up with --abort", away)
	}
	return "no attempt is under way, and another begins by itself within seconds: look again"
}

// askable gives those of some shards that a new session can bring to an answer, and
// says why the others are none.
func (c *Coordinator) askable(shards []ShardID) (ask []ShardID, others string) {
	var why []string
	for _, s := range shards {
		if trouble := c.shards[s].trouble(); trouble != "" {
			why = append(why, fmt.Sprintf("shard %d %s", s, trouble))
			continue
		}
		ask = append(ask, s)
	}
	return ask, strings.Join(why, "; ")
}

// trouble says why a shard cannot answer, or "".
func (p *shardPeer) trouble() string {
	switch {
	case p.quarantined != "":
		return "is quarantined (" + p.quarantined + ")"
	case p.session == 0 && p.rejected != nil:
		return "is refused (" + p.rejected.Reason + ")"
	case p.session == 0:
		return "is not connected"
	}
	return ""
}

// resolveDecided delivers a decision. Nothing takes it back.
func (c *Coordinator) resolveDecided(d *Decision, ev Resolve, e *Effects) {
	var lack []ShardID
	for s, p := range c.shards {
		refused := p.session == 0 && p.rejected != nil && p.rejected.Kind.Quarantines() // and may have lost it
		if !p.known || p.committed < d.Height() || refused {
			lack = append(lack, ShardID(s))
		}
	}
	if ev.Action != ResolveResync {
		answer(e, ev.Waiter, VerdictRefused, fmt.Sprintf("block %q is decided: it is committed at height %d, and nothing takes that back; resolve it without --%s to have the decision delivered", d.Key, d.Height(), ev.Action))
		return
	}
	if len(lack) == 0 {
		c.answerDecided(ev.Waiter, &Block{Key: d.Key, ID: d.Block}, d, e)
		return
	}
	ask, why := c.askable(lack)
	if len(ask) == 0 {
		answer(e, ev.Waiter, VerdictStaysInDoubt, fmt.Sprintf("block %q is committed at height %d, but %s: bring it back, and it is told at once", d.Key, d.Height(), why))
		return
	}
	b := BlockStatus{Height: d.Height(), Attempt: d.Attempt, Key: d.Key, Block: d.Block}
	c.recordResolved(ev, b, fmt.Sprintf("end the sessions of shards %v, so that they connect again and are told to commit height %d, which is decided", ask, d.Height()), e)
	if !ev.DryRun {
		c.endSessions(ask, e)
	}
}

func (c *Coordinator) endSessions(shards []ShardID, e *Effects) {
	for _, s := range shards {
		session := c.shards[s].session
		e.Close = append(e.Close, Close{Session: session, Reason: "an operator has asked for a resync"})
		c.closed(session)
	}
}

// recordResolved answers, and records what is about to be done unless nothing is.
func (c *Coordinator) recordResolved(ev Resolve, b BlockStatus, what string, e *Effects) {
	r := &Resolved{
		Height: b.Height, Attempt: b.Attempt, Key: b.Key, Action: ev.Action, By: ev.By, Comment: ev.Comment,
		Evidence: b.Evidence(), What: what, UnixMillis: uint64(max(0, c.now.UnixMilli())),
	}
	if !ev.DryRun {
		e.force(r)
		e.note(NoteResolved, b.Attempt, fmt.Sprintf("%s resolves block %q at height %d: %s", ev.By, b.Key, b.Height, what))
	}
	if ev.Waiter != 0 {
		e.Answer = append(e.Answer, Answer{Waiter: ev.Waiter, Verdict: VerdictResolved, Resolved: r})
	}
}
