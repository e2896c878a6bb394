package replica

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/protocol"
)

// changeTimeout bounds how long a change of the members waits until raft takes
// it up.
const changeTimeout = 10 * time.Second

var (
	// ErrNotLeader says that only the leader can do it.
	ErrNotLeader = errors.New("this coordinator is not the leader")
	// ErrRefused says that a change of the members would not be safe, or makes no
	// sense. Nothing was changed.
	ErrRefused = errors.New("change of the members refused")
)

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrRefused}, args...)...)
}

// Members are the members of the group, as this replica knows them.
func (r *Replica) Members() []Member {
	var list []Member
	for _, s := range r.servers() {
		list = append(list, memberOf(s))
	}
	return list
}

func memberOf(s raft.Server) Member {
	m := Member{Name: string(s.ID), Address: string(s.Address)}
	if m.Address == m.Name {
		m.Address = "" // never given
	}
	return m
}

func (r *Replica) servers() []raft.Server {
	return r.raft.GetConfiguration().Configuration().Servers
}

// Alone reports whether this replica is the only member.
func (r *Replica) Alone() bool {
	servers := r.servers()
	return len(servers) == 1 && servers[0].ID == raft.ServerID(r.options.Name)
}

// Leader gives the leader, if this replica knows of one.
func (r *Replica) Leader() (Member, bool) {
	address, id := r.raft.LeaderWithID()
	if id == "" {
		return Member{}, false
	}
	return memberOf(raft.Server{ID: id, Address: address}), true
}

// Learners are the names of the members that get the log and have no vote yet.
func (r *Replica) Learners() (names []string) {
	for _, s := range r.servers() {
		if s.Suffrage != raft.Voter {
			names = append(names, string(s.ID))
		}
	}
	return names
}

// voters counts the members that have a vote.
func (r *Replica) voters() int { return len(r.servers()) - len(r.Learners()) }

// Add makes an empty coordinator, started to join, a learner: it gets the log, and
// counts in no majority until it is promoted. A name that was ever used is refused,
// because the disk that it stands for held promises. Adding a member that is there
// changes its address, and nothing else. It returns when a majority has agreed.
func (r *Replica) Add(m Member) error {
	s, _ := r.machine.State()
	there, votes := false, false
	for _, old := range r.servers() {
		if memberOf(old).Name == m.Name {
			there, votes = true, old.Suffrage == raft.Voter
		} else if memberOf(old).Address == m.Address {
			return refuse("%s is the address of %s: give %s its own", m.Address, old.ID, m.Name)
		}
	}
	switch {
	case m.Name == "" || m.Address == "" || len(m.Name) > maxNameBytes:
		return refuse("a member needs a name of at most %d bytes, and an address", maxNameBytes)
	case r.options.Address == "" && m.Name != r.options.Name:
		return refuse("this coordinator has no address at which others reach it: start it with --advertise first")
	}
	if _, used := s.Enrolled[m.Name]; used && !there {
		return refuse("the name %s was used by a coordinator that was removed: choose one that was never used", m.Name)
	}
	if votes {
		return changeError(r.raft.AddVoter(raft.ServerID(m.Name), addressOf(m), 0, changeTimeout).Error())
	}
	return changeError(r.raft.AddNonvoter(raft.ServerID(m.Name), addressOf(m), 0, changeTimeout).Error())
}

// Promote gives a learner a vote; the group then needs a majority with it. The
// caller has seen to it that it has caught up. One that has a vote keeps it. It
// returns when a majority has agreed, which a leader that was alone is by itself:
// what it appends from then on needs the other one too.
func (r *Replica) Promote(name string) error {
	s, _ := r.machine.State()
	for _, server := range r.servers() {
		if string(server.ID) != name || server.Suffrage == raft.Voter {
			continue
		}
		if _, bound := s.Enrolled[name]; !bound {
			return refuse("the leader has not heard from %s yet: see that the two reach each other", name)
		}
		return changeError(r.raft.AddVoter(server.ID, server.Address, 0, changeTimeout).Error())
	}
	return nil
}

// Remove takes a member out of the group. It returns when a majority of those
// that stay has agreed.
func (r *Replica) Remove(name string) error {
	members := r.Members()
	there := false
	for _, m := range members {
		there = there || m.Name == name
	}
	switch {
	case !there:
		return refuse("there is no member %s", name)
	case name == r.options.Name && r.voters() == 1:
		return refuse("%s is the only member that has a vote", name)
	case name == r.options.Name:
		return refuse("%s is the leader: transfer the leadership to another member first", name)
	}
	return changeError(r.raft.RemoveServer(raft.ServerID(name), 0, changeTimeout).Error())
}

// Transfer hands the leadership to a member, "" for the one that is most up to
// date of those that answer. It returns when that one was told to lead.
func (r *Replica) Transfer(to string) error {
	if r.voters() < 2 {
		return refuse("there is no other member that could lead")
	}
	if to == "" {
		to = r.successor()
	}
	if to == "" {
		return changeError(r.raft.LeadershipTransfer().Error())
	}
	for _, s := range r.servers() {
		if string(s.ID) == to && s.Suffrage != raft.Voter {
			return refuse("%s is a learner and cannot lead: let it catch up first", to)
		}
		if string(s.ID) == to && to != r.options.Name {
			return changeError(r.raft.LeadershipTransferToServer(s.ID, s.Address).Error())
		}
	}
	return refuse("there is no other member %s", to)
}

// successor is the member with a vote that has the most of the log, of those that
// were heard of a moment ago; "" if the transport does not tell. Raft itself would
// choose one that is dead as soon as another.
func (r *Replica) successor() (name string) {
	learners, most := r.Learners(), uint64(0)
	for _, p := range r.peers() {
		if !slices.Contains(learners, p.Name) && time.Since(p.Contact) < r.options.Timing.Heartbeat && p.Acknowledged > most {
			name, most = p.Name, p.Acknowledged
		}
	}
	return name
}

func changeError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raft.ErrNotLeader):
		return ErrNotLeader
	}
	return fmt.Errorf("change the members: %w", err)
}

// meet notes the data directory of a member that is bound to none yet. Whoever is no
// member may call itself what it likes, and is not noted: a name that it takes may
// be that of a member to come.
func (r *Replica) meet(name string, directory protocol.DirectoryID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.met[name]; known || r.raft == nil {
		return
	}
	if slices.ContainsFunc(r.servers(), func(s raft.Server) bool { return string(s.ID) == name }) {
		r.met[name] = directory
	}
}

// enrollInterval is how often a leader looks for members to enroll.
const enrollInterval = 50 * time.Millisecond

// enroll binds members to the data directories that they were met with, as long
// as this replica leads.
func (r *Replica) enroll() {
	tick := time.NewTicker(enrollInterval)
	defer tick.Stop()
	for {
		select {
		case <-r.closing:
			return
		case <-tick.C:
		}
		r.enrollOnce()
	}
}

func (r *Replica) enrollOnce() {
	r.mu.Lock()
	l, leads := r.log, r.leads != nil
	r.mu.Unlock()
	if !leads || l == nil {
		return
	}
	s, _ := r.machine.State()
	if s.Mark.Epoch != l.epoch {
		return // it has not claimed its epoch yet, or is deposed
	}
	for _, server := range r.servers() {
		name := string(server.ID)
		directory, known := r.directoryOf(name)
		if _, enrolled := s.Enrolled[name]; enrolled || !known {
			continue
		}
		if err := l.Enroll(name, directory); err != nil {
			return // it leads no more, and whoever does enrolls
		}
	}
}

// directoryOf gives the directory of a member as this replica has met it.
func (r *Replica) directoryOf(name string) (protocol.DirectoryID, bool) {
	if name == r.options.Name {
		return r.directory, true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	d, ok := r.met[name]
	return d, ok
}
