package raftnet

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/protocol/outage"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
)

// maxPeers bounds how many names are remembered. The one that was quiet for
// longest is forgotten first.
const maxPeers = 64

// PeerStatus is what a Transport knows of another coordinator.
type PeerStatus struct {
	ID raft.ServerID
	// Address is where it was called last; empty if it was not called.
	Address raft.ServerAddress
	// LastContact is when a call from it was admitted, or one to it answered; zero
	// if never.
	LastContact time.Time
	// Acknowledged is the index up to which its log was that of this coordinator,
	// by its last answer to an append; 0 if there was none.
	Acknowledged uint64
	// LastError is what a call to it failed with last, and LastErrorAt when; empty
	// and zero if none did.
	LastError   string
	LastErrorAt time.Time
	// BytesSent counts what was sent to it, as it was put on the wire.
	BytesSent uint64
	// Refusals counts how often it refused this coordinator or was refused.
	Refusals uint64
	// Refusal is why, the last time; nil after the next contact.
	Refusal *RefusedError
	// RefusedAt is when that was; zero if Refusal is nil.
	RefusedAt time.Time
}

// peers holds what is known of the other coordinators, and the connections to
// them.
type peers struct {
	options Options

	mu     sync.Mutex
	closed bool
	all    map[raft.ServerID]*peer
}

// peer is guarded by the mutex of peers.
type peer struct {
	status     PeerStatus // without BytesSent
	away       *outage.Log
	refuses    *outage.Log
	seen       time.Time
	sent       *counter
	connection *connection
}

func newPeers(o Options) *peers {
	return &peers{options: o, all: map[raft.ServerID]*peer{}}
}

// Peers lists the coordinators that this one has called, or was called by, in
// the order of their names.
func (t *Transport) Peers() []PeerStatus { return t.peers.list() }

func (ps *peers) list() []PeerStatus {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	list := make([]PeerStatus, 0, len(ps.all))
	for _, p := range ps.all {
		status := p.status
		status.BytesSent = p.sent.Load()
		list = append(list, status)
	}
	slices.SortFunc(list, func(a, b PeerStatus) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return list
}

// get gives the peer of a name. The caller holds the mutex.
func (ps *peers) get(id raft.ServerID) *peer {
	p := ps.all[id]
	if p == nil {
		if len(ps.all) >= maxPeers {
			ps.forgetQuietest()
		}
		p = &peer{status: PeerStatus{ID: id}, sent: &counter{}, away: ps.outage(), refuses: ps.outage()}
		ps.all[id] = p
	}
	p.seen = time.Now()
	return p
}

func (ps *peers) outage() *outage.Log { return outage.New(ps.options.Logger, time.Now) }

func (ps *peers) forgetQuietest() {
	var quietest *peer
	for _, p := range ps.all {
		if quietest == nil || p.seen.Before(quietest.seen) {
			quietest = p
		}
	}
	quietest.hangUp()
	delete(ps.all, quietest.status.ID)
}

// contact notes that a peer is there, and is who it should be.
func (ps *peers) contact(id raft.ServerID) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.get(id)
	s := &p.status
	s.LastContact = time.Now()
	if s.Refusal != nil {
		s.Refusal, s.RefusedAt = nil, time.Time{}
		p.refuses.Over("replicates again", "peer", id)
	}
	p.away.Over("a coordinator is back", "peer", id)
}

// acknowledged notes a good answer to an append or a snapshot. An append that
// says nothing of the log, as a heartbeat, has index 0.
func (ps *peers) acknowledged(id raft.ServerID, index uint64) {
	if index == 0 {
		return
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.get(id).status.Acknowledged = index
}

// failed notes that a call to a peer failed.
func (ps *peers) failed(id raft.ServerID, err error) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.get(id)
	s := &p.status
	explained := rpc.Plain(err)
	s.LastError, s.LastErrorAt = explained.Error(), time.Now()
	var refusal *RefusedError
	if !errors.As(err, &refusal) {
		p.away.Warn("cannot reach a coordinator, trying again", "peer", id, "error", explained)
	}
}

// refused notes that a peer refused this coordinator or was refused.
func (ps *peers) refused(id raft.ServerID, err *RefusedError) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.get(id)
	s := &p.status
	p.refuses.Error("refused to replicate", "peer", id, "refused_by_peer", err.ByPeer, "reason", err.Sentence)
	s.Refusals++
	s.Refusal, s.RefusedAt = err, time.Now()
}
