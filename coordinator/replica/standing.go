package replica

import "fmt"

// Standing says whether a member may take part in its group.
type Standing uint8

// The standings.
const (
	StandingMember  Standing = iota // it takes part, whoever leads
	StandingLearner                 // it gets the log, and has no vote yet
	StandingOutside                 // it waits to be added, or was removed
	StandingRefused                 // another member and this one do not talk to each other, and nobody leads
)

// Standing says whether this member may take part in its group. If it is not
// StandingMember, the reason says why, and what to do: one sentence.
func (r *Replica) Standing() (s Standing, reason string) {
	name, role := r.options.Name, r.role()
	switch {
	case role == RoleLeader:
		return StandingMember, ""
	case role == RoleRemoved:
		return StandingOutside, removed(name)
	case role == RoleLearner:
		return StandingLearner, fmt.Sprintf("%s is a learner, which has no vote until it has caught up: give \"lockstep cluster add %s=%s\" again if it has ended", name, name, r.addressForPeople())
	}
	if _, led := r.Leader(); led && role == RoleFollower {
		return StandingMember, ""
	}
	if r.removed.Load() {
		return StandingOutside, removed(name)
	}
	for _, p := range r.peers() {
		if p.Refusal != "" {
			return StandingRefused, p.Refusal
		}
	}
	if role == RoleWaiting {
		return StandingOutside, fmt.Sprintf("%s waits to be added: lockstep cluster add %s=%s", name, name, r.addressForPeople())
	}
	return StandingMember, ""
}

func removed(name string) string {
	return name + " was removed from the cluster: stop it, its disk is not needed any more"
}

// addressForPeople is what an operator gives as the address of this member.
func (r *Replica) addressForPeople() string {
	if r.options.Address == "" {
		return "ADDRESS"
	}
	return r.options.Address
}

// NoteRemoved tells whether others, which know who leads, have this member among
// them no more. One that was away meanwhile would not learn it otherwise. A member
// that hears of a leader takes part, whatever was noted.
func (r *Replica) NoteRemoved(yes bool) { r.removed.Store(yes) }
