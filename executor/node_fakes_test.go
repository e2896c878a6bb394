package executor

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/wal"
)

// stage is everything that a node acts on; it notes every act, in order.
type stage struct {
	acts  []string
	sent  []protocol.Message
	last  uint64
	fails map[string]error // by act

	mu      sync.Mutex
	records []protocol.Record // by sequence - 1
}

func (s *stage) act(format string, args ...any) {
	s.acts = append(s.acts, fmt.Sprintf(format, args...))
}

// took gives the acts since it was called last.
func (s *stage) took() []string {
	acts := s.acts
	s.acts = nil
	return acts
}

func (s *stage) Append(records ...wal.Record) (uint64, error) {
	if err := s.fails["append"]; err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range records {
		rec, err := protocol.DecodeRecord(protocol.RecordType(r.Type), r.Data)
		if err != nil {
			return 0, err
		}
		s.records = append(s.records, rec)
		s.act("append %T", rec)
	}
	s.last += uint64(len(records))
	return s.last - uint64(len(records)) + 1, nil
}

func (s *stage) Sync() error {
	if err := s.fails["sync"]; err != nil {
		return err
	}
	s.act("sync")
	return nil
}

func (s *stage) Last() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

type stageCommitter struct{ *stage }

func (s stageCommitter) Commit(c protocol.Committed) error {
	if err := s.fails["commit"]; err != nil {
		return err
	}
	s.act("apply %s", c.Attempt)
	return nil
}

type stageExecution struct{ *stage }

func (s stageExecution) Configure(c protocol.Config)   { s.act("configure %d shards", c.Shards()) }
func (s stageExecution) Execute(x *protocol.Execute)   { s.act("execute %s", x.Attempt) }
func (s stageExecution) Drop(from protocol.Height)     { s.act("drop %d", from) }
func (s stageExecution) Commit(height protocol.Height) { s.act("release %d", height) }

type stageSessions struct{ *stage }

func (s stageSessions) Send(env protocol.Envelope) {
	s.act("send %T", env.Message)
	s.sent = append(s.sent, env.Message)
}
func (s stageSessions) Close(id protocol.Session, reason string) { s.act("close %d: %s", id, reason) }

type stagePeers struct{ *stage }

func (s stagePeers) SetPeers(_ protocol.ClusterID, peers []protocol.Peer) {
	s.act("peers %v", peers)
}

// actor is a node on a stage, and the coordinator that talks to it.
type actor struct {
	*Node
	*stage
	t      *testing.T
	config protocol.Config
}

func newActor(t *testing.T) *actor {
	s := &stage{fails: map[string]error{}}
	a := &actor{stage: s, t: t, config: testConfig(2)}
	a.Node = NewNode(protocol.Identity{Shard: 0, Directory: protocol.DirectoryID{1}, Address: "self"}, protocol.ShardState{}, nil, s.parts())
	return a
}

func (s *stage) parts() Parts {
	return Parts{
		Log: s, Committer: stageCommitter{s}, Execution: stageExecution{s}, Sessions: stageSessions{s}, Neighbours: stagePeers{s},
		Logger: hclog.NewNullLogger(), Now: fixedNow,
	}
}

// does handles events and checks the acts that come of them.
func (a *actor) does(events []protocol.Event, want ...string) {
	a.t.Helper()
	if err := a.Handle(events...); err != nil {
		a.t.Fatal(err)
	}
	if got := a.took(); !slices.Equal(got, want) {
		a.t.Fatalf("the node did\n%q, want\n%q", got, want)
	}
}

// handles handles events, whatever they make the node do.
func (a *actor) handles(events ...protocol.Event) {
	a.t.Helper()
	if err := a.Handle(events...); err != nil {
		a.t.Fatal(err)
	}
	a.took()
}

func from(session protocol.Session, m protocol.Message) protocol.Event {
	return protocol.Received{Envelope: protocol.Envelope{Session: session, Epoch: 1, Message: m}}
}

func (a *actor) welcome() *protocol.Welcome {
	return &protocol.Welcome{Config: a.config, Peers: []protocol.Peer{{Shard: 1, Address: "there"}}}
}

// welcomed has session 1 stand.
func (a *actor) welcomed() {
	a.t.Helper()
	a.handles(protocol.Opened{Session: 1}, from(1, a.welcome()))
}

func executes(a, parent protocol.AttemptID) protocol.Event {
	return from(1, &protocol.Execute{Attempt: a, Parent: parent, SubBlock: protocol.EncodeSubBlock(nil)})
}

func done(a protocol.AttemptID) protocol.Event {
	return protocol.Executed{Attempt: a, Result: protocol.Result{Outcomes: protocol.NewOutcomes(0), Writes: protocol.EncodeWrites(nil)}}
}

func commits(a protocol.AttemptID) protocol.Event {
	return from(1, protocol.Commit{Committed: protocol.Committed{Attempt: a}})
}
