package main

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/dashboard"
	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/coordinator/members"
	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// dashboardSource is where the dashboard of a coordinator looks: at the coordinator
// itself while it leads, else at the one that does. It is safe for concurrent use.
type dashboardSource struct {
	coordinator *coordinator.Coordinator
	members     *members.Service
	identity    *identity.Identity // of the coordinator; nil for plaintext

	mu        sync.Mutex
	addresses string              // that leader was made for
	leader    *client.Coordinator // nil until it is needed
	closed    bool
}

// Look implements dashboard.Source.
func (s *dashboardSource) Look(ctx context.Context) dashboard.View {
	now := s.coordinator.Replica().Status()
	view := dashboard.View{Here: hereOf(now)}
	if entry := s.coordinator.Entry(); entry.GetActivity() != nil {
		view.Here.Leads, view.Cluster, view.Members = true, entry, s.members.Latest()
		return view
	}
	if err := s.lookElsewhere(ctx, now, &view); err != nil {
		view.Cluster, view.Members, view.Failure = nil, membersFrom(now), cli.Sentence(err)
	}
	return view
}

// membersFrom gives the members as a coordinator knows them that cannot ask the
// leader.
func membersFrom(now replica.Status) []*wirepb.CoordinatorStatus {
	list := members.Known(now)
	for _, m := range list {
		if m.GetName() == now.Name && now.Standing == replica.StandingMember {
			m.State = wirepb.CoordinatorState_COORDINATOR_STATE_READY
		}
	}
	return list
}

// hereOf says who this coordinator is.
func hereOf(now replica.Status) dashboard.Here {
	outside := now.Standing == replica.StandingOutside
	here := dashboard.Here{
		Name: now.Name, Alone: len(now.Members) == 1, Waiting: outside && now.Role == replica.RoleWaiting, Removed: outside && now.Role != replica.RoleWaiting,
	}
	if now.Leader.Name != now.Name {
		here.Leader, here.LeaderAddress = now.Leader.Name, now.Leader.Address
	}
	return here
}

// lookElsewhere asks the coordinator that leads.
func (s *dashboardSource) lookElsewhere(ctx context.Context, now replica.Status, view *dashboard.View) error {
	leader, err := s.client(now)
	if err != nil {
		return err
	}
	if view.Cluster, err = leader.Status(ctx); err != nil {
		return err
	}
	view.Members, err = leader.Members(ctx)
	return err
}

// API implements dashboard.Source.
func (s *dashboardSource) API() (dashboard.API, error) {
	if s.coordinator.Leads() {
		return s.coordinator.API(), nil
	}
	return s.client(s.coordinator.Replica().Status())
}

var errNoLeaderKnown = errors.New("no coordinator leads for now")

// client gives one that asks the leader first, then the other members. A new one
// is made whenever those change.
func (s *dashboardSource) client(now replica.Status) (*client.Coordinator, error) {
	if now.Leader.Address == "" || now.Leader.Name == now.Name {
		return nil, errNoLeaderKnown
	}
	addresses := []string{now.Leader.Address}
	for _, m := range now.Members {
		if m.Name != now.Name && m.Address != "" {
			addresses = append(addresses, m.Address)
		}
	}
	list := strings.Join(addresses, ",")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errNoLeaderKnown
	}
	if s.leader == nil || s.addresses != list {
		made, err := client.NewCoordinatorAs(s.identity, list)
		if err != nil {
			return nil, err
		}
		s.closeLater()
		s.leader, s.addresses = made, list
	}
	return s.leader, nil
}

// closeLater closes a client that is not needed any more, once the calls that may
// still use it have ended. s.mu is held.
func (s *dashboardSource) closeLater() {
	if old := s.leader; old != nil {
		time.AfterFunc(time.Minute, func() { old.Close() })
	}
}

// Close ends all connections. Nobody looks any more.
func (s *dashboardSource) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.leader == nil {
		return nil
	}
	return s.leader.Close()
}
