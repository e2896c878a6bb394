package coordinator

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/coordinator/timeline"
	"github.com/lockstep-exec/lockstep/protocol"
)

// paperLog is a replicated log in memory, as one incarnation sees it: entries
// count when they are forced.
type paperLog struct {
	machine *replica.Machine
	entries [][]byte // entries[i] has index i+1
	forced  int
	last    replica.Mark
	needed  protocol.Height
	taken   bool // by another incarnation
}

func newPaperLog() *paperLog { return &paperLog{machine: replica.NewMachine(replica.State{}, 0)} }

func (l *paperLog) Append(records []protocol.Record, force bool) error {
	if l.taken {
		return ErrFenced
	}
	e := replica.Entry{At: replica.Mark{Epoch: l.last.Epoch, Number: l.last.Number + 1}, After: l.last}
	for _, r := range records {
		if claim, ok := r.(protocol.EpochClaimed); ok {
			e.At = replica.Mark{Epoch: claim.Epoch, Number: 1}
		}
		e.Items = append(e.Items, r)
	}
	l.last = e.At
	l.entries = append(l.entries, e.Encode())
	if force {
		return l.force()
	}
	return nil
}

func (l *paperLog) force() error {
	for ; l.forced < len(l.entries); l.forced++ {
		if err := l.machine.Apply(uint64(l.forced)+1, l.entries[l.forced]); err != nil {
			return err
		}
	}
	return nil
}

func (l *paperLog) Confirm() error {
	if l.taken {
		return ErrFenced
	}
	return nil
}

func (l *paperLog) Needed(h protocol.Height) { l.needed = h }

// crash loses what was not forced.
func (l *paperLog) crash() {
	l.entries = l.entries[:l.forced]
	s, _ := l.machine.State()
	l.last = s.Mark
}

// paperHistory is a history in memory.
type paperHistory struct {
	meta      history.Meta
	decisions []*protocol.Decision
}

func (h *paperHistory) Append(meta history.Meta, ds []*protocol.Decision) error {
	meta.Joined = maps.Clone(meta.Joined)
	h.meta, h.decisions = meta, append(h.decisions, ds...)
	return nil
}

func (h *paperHistory) ByHeight(at protocol.Height) (*protocol.Decision, bool, error) {
	if at == 0 || at > h.Height() {
		return nil, false, nil
	}
	return h.decisions[at-1], true, nil
}

func (h *paperHistory) ByKey(key string) (*protocol.Decision, bool, error) {
	i := slices.IndexFunc(h.decisions, func(d *protocol.Decision) bool { return d.Key == key })
	if i < 0 {
		return nil, false, nil
	}
	return h.decisions[i], true, nil
}

func (h *paperHistory) Height() protocol.Height { return protocol.Height(len(h.decisions)) }
func (h *paperHistory) Meta() history.Meta      { return h.meta }

// desk is a core on paper, with everything it did.
type desk struct {
	*Core
	t       *testing.T
	log     *paperLog
	history *paperHistory
	sent    map[protocol.Session][]protocol.Message
	closed  []protocol.Session
	answers []protocol.Answer
	left    string // what abandoned clients were told
	inbox   []protocol.Event
	steps   int // of the machine
	// timelines are by a clock that only the test moves.
	timelines *timeline.Recorder
	clock     time.Time
}

var twoShards = protocol.Config{Cluster: protocol.ClusterID{2}, Slots: protocol.EvenSlots(2), Limits: protocol.DefaultLimits()}

func newDesk(t *testing.T) *desk {
	return openDesk(t, newPaperLog(), &paperHistory{meta: history.Meta{Config: twoShards, Log: history.LogPosition{Keep: 1}}})
}

func openDesk(t *testing.T, log *paperLog, h *paperHistory) *desk {
	t.Helper()
	d := &desk{t: t, log: log, history: h, sent: map[protocol.Session][]protocol.Message{}, clock: time.UnixMilli(1000)}
	if err := log.force(); err != nil {
		t.Fatal(err)
	}
	now, _ := log.machine.State()
	state, err := now.Begin(h)
	if err != nil {
		t.Fatal(err)
	}
	if state.Config.IsZero() {
		state.Config = twoShards
	}
	d.Core, err = OpenCore(CoreParts{
		Log: log, State: state, History: h, Sessions: d, Clients: deskClients{d},
		Post: func(ev protocol.Event) { d.inbox = append(d.inbox, ev) },
		Wrap: func(m Machine) Machine { return countedMachine{m, &d.steps} }, Logger: hclog.NewNullLogger(),
		Observe: func(undecided []*protocol.Block) Observer {
			d.timelines = timeline.New(state.Config.Shards(), undecided, func() time.Time { return d.clock })
			return d.timelines
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// keep is a pass of the keeper, and the core's look at it.
func (d *desk) keep() {
	d.t.Helper()
	if err := d.log.machine.Keep(d.history); err != nil {
		d.t.Fatal(err)
	}
	d.Forget()
	d.handle(d.inbox...)
}

// countedMachine counts the steps of the machine inside.
type countedMachine struct {
	Machine
	steps *int
}

func (m countedMachine) Step(ev protocol.Event) (protocol.Effects, error) {
	*m.steps++
	return m.Machine.Step(ev)
}

func (d *desk) Send(env protocol.Envelope) {
	d.sent[env.Session] = append(d.sent[env.Session], env.Message)
}
func (d *desk) Close(s protocol.Session, _ string) { d.closed = append(d.closed, s) }

type deskClients struct{ *desk }

func (c deskClients) Answer(a protocol.Answer) { c.answers = append(c.answers, a) }
func (c deskClients) Abandon(reason string)    { c.left = reason }

// handle gives the core events, and then what it posted itself.
func (d *desk) handle(events ...protocol.Event) {
	d.t.Helper()
	for len(events) > 0 {
		if err := d.Handle(events...); err != nil {
			d.t.Fatal(err)
		}
		events, d.inbox = d.inbox, nil
	}
}

// joins brings shard s in, on session 10+s.
func (d *desk) joins(s protocol.ShardID, committed protocol.Committed) {
	d.t.Helper()
	h := &protocol.Hello{Shard: s, Directory: protocol.DirectoryID{byte(s) + 1}, Address: "here", Committed: committed, Checkpointed: committed.Height()}
	if !committed.Attempt.IsZero() {
		h.Cluster, h.Shards, h.Epoch = twoShards.Cluster, 2, committed.Attempt.Epoch
	}
	d.handle(from(10+protocol.Session(s), h.Epoch, h))
}

// submits brings a block of one transaction that writes keys.
func (d *desk) submits(w protocol.Waiter, key string, checked protocol.Height, keys ...string) {
	d.t.Helper()
	var access []protocol.Access
	for _, k := range keys {
		access = append(access, protocol.Access{Key: []byte(k), Mode: protocol.Write})
	}
	b, err := d.Prepare(key, protocol.EncodeBody([]protocol.Transaction{protocol.NewTransaction(nil, access)}))
	if err != nil {
		d.t.Fatal(err)
	}
	d.handle(protocol.Submitted{Waiter: w, Block: b, Checked: checked})
}

// votes answers what a session was last told to execute: all applied.
func (d *desk) votes(s protocol.Session) {
	d.t.Helper()
	var x *protocol.Execute
	for _, m := range d.sent[s] {
		if e, ok := m.(*protocol.Execute); ok {
			x = e
		}
	}
	sub, err := protocol.DecodeSubBlock(x.Encoded(), twoShards.Limits)
	if err != nil {
		d.t.Fatal(err)
	}
	o := protocol.NewOutcomes(len(sub))
	for i := range sub {
		if err := o.Set(i, protocol.OutcomeApplied); err != nil {
			d.t.Fatal(err)
		}
	}
	d.handle(from(s, d.Status().Epoch, &protocol.Vote{Attempt: x.Attempt, Yes: true, Outcomes: o}))
}
