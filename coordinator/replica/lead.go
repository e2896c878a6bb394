package replica

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Lead is what a replica begins an incarnation with, once it leads and has
// applied everything that was committed before.
type Lead struct {
	State protocol.CoordinatorState // zero configuration: the cluster is not made yet
	Log   *Log
	Lost  <-chan struct{} // closed when the replica leads no more
}

// leadership is one time of this replica as leader.
type leadership struct {
	term uint64
	lost chan struct{}
}

const (
	// barrierTimeout bounds the wait until raft takes a barrier.
	barrierTimeout = 10 * time.Second
	// leadAgain is how long a leader waits that could not pass a barrier, as
	// while it hands leadership over.
	leadAgain = 20 * time.Millisecond
)

// Lead waits until this replica leads, and has applied all that any leader before
// has committed. The epoch to claim is the one after State.Epoch; should another
// incarnation append anything in between, the claim is refused. The error is that
// of ctx, or says why the replica has failed.
//
// One goroutine at a time may lead; it ends what it does with a Lead before it
// asks for the next.
func (r *Replica) Lead(ctx context.Context) (*Lead, error) {
	for {
		led, err := r.awaitLeadership(ctx)
		if err != nil {
			return nil, err
		}
		lead, err := r.begin(led)
		if err == nil {
			return lead, nil
		}
		if !errors.Is(err, ErrFenced) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-r.failed:
			return nil, r.Err()
		case <-led.lost:
		case <-time.After(leadAgain):
		}
	}
}

// awaitLeadership waits for this replica to lead.
func (r *Replica) awaitLeadership(ctx context.Context) (*leadership, error) {
	for {
		r.mu.Lock()
		led, changed := r.leads, r.leadChanged
		r.mu.Unlock()
		if led != nil {
			return led, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-r.failed:
			return nil, r.Err()
		}
	}
}

// begin passes a barrier and reads what has come of the log.
func (r *Replica) begin(led *leadership) (*Lead, error) {
	if err := r.raft.Barrier(barrierTimeout).Error(); err != nil {
		return nil, leadershipError(err)
	}
	if owned := r.stores.Owned; owned != nil {
		if err := owned(); err != nil {
			return nil, err
		}
	}
	if err := r.adoptCluster(); err != nil {
		return nil, err
	}
	if err := r.correctAddress(); err != nil {
		return nil, err
	}
	s, _ := r.machine.State()
	state, err := s.Begin(r.history)
	if err != nil {
		return nil, err
	}
	l := NewLog(proposals{r}, s.Mark)
	r.mu.Lock()
	r.log = l
	r.mu.Unlock()
	return &Lead{State: state, Log: l, Lost: led.lost}, nil
}

// correctAddress tells the group where this member is reached, if that is not
// what it was.
func (r *Replica) correctAddress() error {
	self := raft.Server{ID: raft.ServerID(r.options.Name), Address: addressOf(Member{r.options.Name, r.options.Address})}
	for _, s := range r.servers() {
		if s.ID != self.ID || s.Address == self.Address || r.options.Address == "" {
			continue
		}
		if err := r.raft.AddVoter(self.ID, self.Address, 0, changeTimeout).Error(); err != nil {
			return leadershipError(err)
		}
	}
	return nil
}

// Begin gives what an incarnation begins with that has read the state: with the
// decisions that a resync may ask for and the history has.
func (s *State) Begin(h interface {
	ByHeight(protocol.Height) (*protocol.Decision, bool, error)
}) (protocol.CoordinatorState, error) {
	var older []*protocol.Decision
	for at := max(s.Needed, 1); at <= s.Kept(); at++ {
		d, ok, err := h.ByHeight(at)
		if err == nil && !ok {
			err = errors.New("it is missing")
		}
		if err != nil {
			return protocol.CoordinatorState{}, fmt.Errorf("read the decision of height %d: %w", at, err)
		}
		older = append(older, d)
	}
	return s.Coordinator(older), nil
}

// watch follows raft's word on who leads until the replica closes.
func (r *Replica) watch(notify <-chan bool) {
	for {
		select {
		case leads := <-notify:
			r.setLeads(leads)
		case <-r.closing:
			r.setLeads(false)
			return
		}
	}
}

func (r *Replica) setLeads(leads bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.leads != nil {
		close(r.leads.lost)
		r.leads = nil
	}
	if leads {
		r.leads = &leadership{term: r.raft.CurrentTerm(), lost: make(chan struct{})}
	}
	close(r.leadChanged)
	r.leadChanged = make(chan struct{})
}
