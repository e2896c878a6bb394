package coordinator

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lockstep-exec/lockstep/protocol"
)

// stage is everything that a node acts on; it notes every act, in order.
type stage struct {
	acts []string
	fail error
}

func (s *stage) act(format string, args ...any) {
	s.acts = append(s.acts, fmt.Sprintf(format, args...))
}

func (s *stage) Append(records []protocol.Record, force bool) error {
	if s.fail != nil {
		return s.fail
	}
	for _, r := range records {
		s.act("append %T", r)
	}
	if force {
		s.act("force")
	}
	return nil
}
func (s *stage) Confirm() error                  { return nil }
func (s *stage) Needed(protocol.Height)          {}
func (s *stage) Send(env protocol.Envelope)      { s.act("send %T to %d", env.Message, env.Session) }
func (s *stage) Answer(a protocol.Answer)        { s.act("answer %d to %d", a.Verdict, a.Waiter) }
func (s *stage) Abandon(string)                  { s.act("abandon") }
func (s *stage) Decided(ds []*protocol.Decision) { s.act("decided %d", ds[0].Height()) }

type stageSessions struct{ *stage }

func (s stageSessions) Close(id protocol.Session, _ string) { s.act("close %d", id) }

// actor is a node of a cluster with one shard, on a stage.
type actor struct {
	*Node
	*stage
	t *testing.T
}

func newActor(t *testing.T) *actor {
	s := &stage{}
	machine, first, err := protocol.NewCoordinator(protocol.CoordinatorState{Config: testConfig}, 1, nil, protocol.CoordinatorOptions{})
	if err != nil {
		t.Fatal(err)
	}
	n, err := NewNode(machine, first, Parts{
		Log: s, Sessions: stageSessions{s}, Clients: s, Decisions: s, Logger: hclog.NewNullLogger(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return &actor{Node: n, stage: s, t: t}
}

func (a *actor) does(events []protocol.Event, want ...string) {
	a.t.Helper()
	a.acts = nil
	if err := a.Handle(events...); err != nil {
		a.t.Fatal(err)
	}
	if !slices.Equal(a.acts, want) {
		a.t.Fatalf("the node did\n%q, want\n%q", a.acts, want)
	}
}

type evs = []protocol.Event

func from(s protocol.Session, epoch protocol.Epoch, m protocol.Message) protocol.Event {
	return protocol.Received{Envelope: protocol.Envelope{Session: s, Epoch: epoch, Message: m}}
}

func submitted(w protocol.Waiter, key string) protocol.Event {
	tx := []protocol.Transaction{protocol.NewTransaction(nil, []protocol.Access{{Key: []byte("k"), Mode: protocol.Write}})}
	return protocol.Submitted{Waiter: w, Block: NewBlock(key, protocol.EncodeBody(tx), tx, testConfig.Slots)}
}

func hello() *protocol.Hello {
	return &protocol.Hello{Directory: protocol.DirectoryID{1}, Address: "here"}
}

func yes(a protocol.AttemptID) *protocol.Vote {
	o := protocol.NewOutcomes(1)
	_ = o.Set(0, protocol.OutcomeApplied)
	return &protocol.Vote{Attempt: a, Yes: true, Outcomes: o}
}

// TestTheLifeOfABlock shows every act in its order: the epoch before the first
// message (C1), the decision before Commit and answer (C2).
func TestTheLifeOfABlock(t *testing.T) {
	a := newActor(t)
	if got := a.acts; !slices.Equal(got, []string{"append protocol.EpochClaimed", "force"}) {
		t.Errorf("a new node did %q", got)
	}
	one := protocol.AttemptID{Height: 1, Epoch: 1, Attempt: 1}
	a.does(evs{protocol.Tick{Now: time.Unix(1, 0)}})
	a.does(evs{submitted(7, "a")})
	a.does(evs{from(5, 0, hello())}, "append protocol.Joined", "append *protocol.Proposed", "force",
		"send *protocol.Welcome to 5", "send *protocol.Execute to 5")
	a.does(evs{from(5, 1, yes(one))}, "append *protocol.Decision", "force", "decided 1", "send protocol.Commit to 5", "answer 1 to 7")
	a.does(evs{submitted(8, "b"), submitted(9, "a"), submitted(0, "c")}, "append *protocol.Proposed", "append *protocol.Proposed",
		"send *protocol.Execute to 5", "send *protocol.Execute to 5", "answer 1 to 9")
	if s := a.Status(); s.Decided.Height() != 1 || len(s.InFlight) != 2 || s.Ended != "" {
		t.Errorf("status %+v", s)
	}
}

// voting brings an actor to the vote that decides height 1.
func (a *actor) voting() protocol.Event {
	a.t.Helper()
	if err := a.Handle(protocol.Tick{Now: time.Unix(1, 0)}, submitted(7, "a"), from(5, 0, hello())); err != nil {
		a.t.Fatal(err)
	}
	a.acts = nil
	return from(5, 1, yes(protocol.AttemptID{Height: 1, Epoch: 1, Attempt: 1}))
}

// TestADecisionThatMayNotBeDurableIsToldToNobody is C2: the coordinator steps
// down, and its clients are told that nobody knows.
func TestADecisionThatMayNotBeDurableIsToldToNobody(t *testing.T) {
	for name, fail := range map[string]error{"a broken log": errors.New("disk on fire"), "a log that was taken over": ErrFenced} {
		t.Run(name, func(t *testing.T) {
			a := newActor(t)
			vote := a.voting()
			a.fail = fail
			err := a.Handle(vote)
			if fenced := errors.Is(fail, ErrFenced); fenced && err != nil || !fenced && !errors.Is(err, ErrStopped) {
				t.Errorf("got %v", err)
			}
			if !slices.Equal(a.acts, []string{"close 5", "abandon"}) {
				t.Errorf("the node did %q", a.acts)
			}
			if s := a.Status(); !strings.Contains(s.Ended, fail.Error()) {
				t.Errorf("ended %q", s.Ended)
			}
			a.fail = nil
			a.does(evs{vote, submitted(8, "b"), protocol.Tick{Now: time.Unix(9, 0)}})
		})
	}
}

func TestSteppingDownClosesEverything(t *testing.T) {
	a := newActor(t)
	vote := a.voting()
	a.does(evs{protocol.Fenced{Reason: "a higher epoch"}, vote}, "close 5", "abandon")
	if s := a.Status(); !strings.Contains(s.Ended, "a higher epoch") {
		t.Errorf("ended %q", s.Ended)
	}
	a.does(evs{vote, submitted(8, "b")})
}

func TestDivergenceQuarantines(t *testing.T) {
	a := newActor(t)
	a.voting()
	one := protocol.AttemptID{Height: 1, Epoch: 1, Attempt: 1}
	two := protocol.AttemptID{Height: 2, Epoch: 1, Attempt: 1}
	if err := a.Handle(submitted(0, "b")); err != nil {
		t.Fatal(err)
	}
	other := yes(two)
	other.Digest[0] = 1
	// The first vote for height 2 is counted, the second contradicts it. What
	// came before in the batch is still carried out.
	a.does(evs{from(5, 1, yes(two)), from(5, 1, yes(one)), submitted(3, "a")},
		"append *protocol.Decision", "append *protocol.Decision", "force", "decided 1",
		"send protocol.Commit to 5", "send protocol.Commit to 5", "answer 1 to 7", "answer 1 to 3")
	if err := a.Handle(submitted(0, "c"), submitted(4, "d")); err != nil {
		t.Fatal(err)
	}
	four := protocol.AttemptID{Height: 4, Epoch: 1, Attempt: 1}
	first, second := yes(four), yes(four)
	second.Digest[0] = 9
	a.does(evs{from(5, 1, first), submitted(6, "a"), from(5, 1, second), submitted(7, "a")}, "answer 1 to 6", "close 5", "abandon")
	if s := a.Status(); !strings.Contains(s.Ended, "quarantined") || s.Decided.Height() != 2 {
		t.Errorf("status %+v", s)
	}
}
