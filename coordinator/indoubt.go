package coordinator

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

const (
	// askShard bounds the wait for what a shard says itself.
	askShard = time.Second
	// onItsWay is how long a decision, or the word that an attempt was given up,
	// may take to a shard that is connected before it counts as in doubt there.
	onItsWay = time.Second
	// preparedBytes bounds what a shard may say of the attempts that it holds: the most
	// that there can be, each with as many outcomes as have names, take less.
	preparedBytes = 8 << 20
)

// survey is what there is to know of what is in doubt: what the coordinator knows,
// and what every shard said when it was asked.
type survey struct {
	now    time.Time
	status *Status
	words  []word // by shard
}

// word is what a shard says itself, or why it says nothing.
type word struct {
	own    *wirepb.ShardServiceListPreparedResponse
	silent string
}

// survey asks all shards at once. What the coordinator knows is newer than what
// they say.
func (in *incarnation) survey(ctx context.Context) survey {
	ctx, cancel := context.WithTimeout(ctx, askShard)
	defer cancel()
	s := survey{words: make([]word, in.config.Shards())}
	var group sync.WaitGroup
	for i, p := range in.core.Status().Shards {
		group.Go(func() { s.words[i] = in.hear(ctx, protocol.ShardID(i), p) })
	}
	group.Wait()
	s.status, s.now = in.core.Status(), time.Now()
	return s
}

func (in *incarnation) hear(ctx context.Context, s protocol.ShardID, p protocol.ShardStatus) word {
	if p.Address == "" {
		return word{silent: "it has not connected since this coordinator leads, so nobody knows its address"}
	}
	client, err := in.coordinator.readers.client(s, p.Address)
	if err != nil {
		return word{silent: err.Error()}
	}
	own, err := client.ListPrepared(ctx, &wirepb.ShardServiceListPreparedRequest{}, grpc.MaxCallRecvMsgSize(preparedBytes))
	switch status.Code(err) {
	case codes.OK:
		return word{own: own}
	case codes.Unavailable:
		return word{silent: fmt.Sprintf("it cannot be reached at %s", p.Address)}
	case codes.DeadlineExceeded:
		return word{silent: fmt.Sprintf("it does not answer at %s within %s", p.Address, askShard)}
	}
	return word{silent: fmt.Sprintf("it answers at %s: %s", p.Address, rpc.Sentence(err))}
}

func (s survey) height() protocol.Height {
	if s.status.Decided == nil {
		return 0
	}
	return s.status.Decided.Height()
}

// unseen tells of shards of which nothing is known.
func (s survey) unseen() (all []string) {
	for i, w := range s.words {
		if w.silent != "" {
			all = append(all, wire.Reason(fmt.Sprintf("shard %d was not asked what it holds: %s", i, w.silent)))
		}
	}
	return all
}

// committed gives the height up to which a shard has committed, as far as anybody
// knows; false if nobody does. A shard that is refused may have lost what it had.
func (s survey) committed(i int) (h protocol.Height, known bool) {
	p, own := s.status.Shards[i], s.words[i].own
	switch says := protocol.Height(own.GetStatus().GetCommittedHeight()); {
	case own == nil:
		return p.Committed, p.Known
	case p.Rejected != nil && !p.Connected:
		return says, true
	default:
		return max(p.Committed, says), true
	}
}

// holders lists the shards that say that they hold an attempt prepared, and for how
// long the first of them has.
func (s survey) holders(a protocol.AttemptID) (shards []uint32, longest uint64) {
	for i, w := range s.words {
		for _, p := range w.own.GetPrepared() {
			if attemptIn(p.GetAttempt()) == a {
				shards = append(shards, uint32(i))
				longest = max(longest, p.GetAgeMs())
			}
		}
	}
	return shards, longest
}

func attemptIn(a *wirepb.AttemptID) protocol.AttemptID {
	return protocol.AttemptID{Height: protocol.Height(a.GetHeight()), Epoch: protocol.Epoch(a.GetEpoch()), Attempt: a.GetAttempt()}
}

// decisionAt looks a decision up; ok is false if there is none.
type decisionAt func(protocol.Height) (d *protocol.Decision, ok bool, err error)

// blocks lists what is in doubt from a height on, in order of height. Of decided
// blocks there are at most so many.
func (s survey) blocks(from protocol.Height, most int, at decisionAt) ([]*wirepb.InDoubt, error) {
	all, err := s.undelivered(from, most, at)
	if err != nil {
		return nil, err
	}
	for _, b := range s.status.InFlight {
		if b.Height >= from {
			all = append(all, s.undecided(b))
		}
	}
	given, err := s.givenUp(from, at)
	if err != nil {
		return nil, err
	}
	all = append(all, given...)
	slices.SortStableFunc(all, func(a, b *wirepb.InDoubt) int { return cmp.Compare(a.Height, b.Height) })
	return all, nil
}

// page cuts off what is above a limit, whole heights, but not the first. It gives
// the height to go on from; 0 if nothing is left.
func page(all []*wirepb.InDoubt, limit int) (kept []*wirepb.InDoubt, next uint64) {
	if len(all) <= limit {
		return all, 0
	}
	next = max(all[limit].Height, all[0].Height+1)
	end := slices.IndexFunc(all, func(b *wirepb.InDoubt) bool { return b.Height >= next })
	if end < 0 {
		return all, 0
	}
	return all[:end], next
}

func oldestFirst(all []*wirepb.InDoubt) {
	slices.SortStableFunc(all, func(a, b *wirepb.InDoubt) int { return cmp.Compare(b.AgeMs, a.AgeMs) })
}

// undelivered lists decided heights that some shard has not committed.
func (s survey) undelivered(from protocol.Height, most int, at decisionAt) (all []*wirepb.InDoubt, err error) {
	lowest := s.height() + 1
	for i := range s.words {
		if h, known := s.committed(i); known {
			lowest = min(lowest, h+1)
		}
	}
	for h := max(lowest, from, 1); h <= s.height() && len(all) < most; h++ {
		d, ok, err := at(h)
		if err != nil || !ok {
			return nil, status.Errorf(codes.DataLoss, "read the decision of height %d: %v", h, err)
		}
		if b := s.decided(d); b != nil {
			all = append(all, b)
		}
	}
	return all, nil
}

// decided gives a committed block that some shard does not know of; nil if all do,
// or it is on its way.
func (s survey) decided(d *protocol.Decision) *wirepb.InDoubt {
	age := max(0, s.now.Sub(time.UnixMilli(int64(d.UnixMillis)))) //nolint:G115 // a time that a coordinator wrote down
	b := &wirepb.InDoubt{
		Height: uint64(d.Height()), Key: d.Key, BlockId: d.Block[:], Attempt: wire.Attempt(d.Attempt),
		Phase: wirepb.DoubtPhase_DOUBT_PHASE_DECIDED, AgeMs: uint64(age.Milliseconds()), ByItself: true,
	}
	for i := range s.words {
		if h, known := s.committed(i); !known || h >= d.Height() || age < onItsWay && s.trouble(i) == "" {
			continue
		}
		b.Missing = append(b.Missing, uint32(i))
	}
	if len(b.Missing) == 0 {
		return nil
	}
	b.Prepared = b.Missing // else the shard would have been refused
	s.explainDecided(b)
	return b
}

// undecided gives a block that is under way.
func (s survey) undecided(b protocol.BlockStatus) *wirepb.InDoubt {
	evidence := b.Evidence()
	out := &wirepb.InDoubt{
		Height: uint64(b.Height), Key: b.Key, BlockId: b.Block[:], Attempt: wire.Attempt(b.Attempt), Phase: doubtPhases[b.Phase],
		AgeMs: s.age(b.UnderWay), Evidence: evidence[:], Clients: uint32(b.Clients), Refusal: wire.Reason(b.Refusal),
	}
	if !b.Deadline.IsZero() {
		left := uint64(max(0, b.Deadline.Sub(s.now)).Milliseconds())
		out.WithdrawnInMs = &left
	}
	held, longest := s.holders(b.Attempt)
	out.AgeMs = max(out.AgeMs, longest)
	for i := range s.words {
		voted := i < len(b.Votes) && b.Votes[i] != nil
		if voted || !b.Attempt.IsZero() && slices.Contains(held, uint32(i)) {
			out.Prepared = append(out.Prepared, uint32(i))
		}
		if !voted {
			out.Missing = append(out.Missing, uint32(i))
		}
	}
	s.explainUndecided(b, out)
	return out
}

// age is how long ago something was, in milliseconds; 0 if nobody knows.
func (s survey) age(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(max(0, s.now.Sub(t)).Milliseconds())
}

var doubtPhases = map[protocol.Phase]wirepb.DoubtPhase{
	protocol.PhaseWaiting:   wirepb.DoubtPhase_DOUBT_PHASE_WAITING,
	protocol.PhaseExecuting: wirepb.DoubtPhase_DOUBT_PHASE_EXECUTING,
	protocol.PhaseVoting:    wirepb.DoubtPhase_DOUBT_PHASE_VOTING,
	protocol.PhaseDeciding:  wirepb.DoubtPhase_DOUBT_PHASE_DECIDING,
}

// givenUp lists attempts that shards hold and the coordinator has given up.
func (s survey) givenUp(from protocol.Height, at decisionAt) (all []*wirepb.InDoubt, err error) {
	found := map[protocol.AttemptID]*wirepb.InDoubt{}
	for i, w := range s.words {
		for _, p := range w.own.GetPrepared() {
			a := attemptIn(p.GetAttempt())
			old, err := s.isGivenUp(a, at)
			if err != nil {
				return nil, err
			}
			if !old || a.Height < from || s.trouble(i) == "" && p.GetAgeMs() < uint64(onItsWay.Milliseconds()) {
				continue
			}
			b := found[a]
			if b == nil {
				b = &wirepb.InDoubt{Height: uint64(a.Height), BlockId: p.GetBlockId(), Attempt: p.GetAttempt(), Phase: wirepb.DoubtPhase_DOUBT_PHASE_GIVEN_UP}
				found[a], all = b, append(all, b)
			}
			b.Prepared, b.Missing = append(b.Prepared, uint32(i)), append(b.Missing, uint32(i))
			b.AgeMs = max(b.AgeMs, p.GetAgeMs())
		}
	}
	for _, b := range all {
		s.explainGivenUp(b)
	}
	return all, nil
}

// isGivenUp reports whether an attempt is neither live nor decided.
func (s survey) isGivenUp(a protocol.AttemptID, at decisionAt) (bool, error) {
	if a.Height <= s.height() {
		d, ok, err := at(a.Height)
		if err != nil {
			return false, status.Errorf(codes.DataLoss, "read the decision of height %d: %v", a.Height, err)
		}
		return ok && d.Attempt != a, nil
	}
	return !slices.ContainsFunc(s.status.InFlight, func(b protocol.BlockStatus) bool { return b.Attempt == a }), nil
}
