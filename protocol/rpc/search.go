package rpc

import (
	"errors"
	"slices"
	"time"

	"github.com/lockstep-exec/lockstep/protocol/wire"
)

// mostRedirects is how often in a row a shard goes where a coordinator sends it
// without a pause. Two coordinators that each take the other for the leader send
// it to and fro.
const mostRedirects = 2

// mostFound bounds the coordinators that a shard remembers beside those that its
// operator named: all of these may be replaced one day.
const mostFound = wire.MaxCoordinators

// search chooses which coordinator a shard dials next, and what it waits before.
type search struct {
	address string // to dial now

	list            []string // given by the operator, then those found beside it
	given           int      // length of the part that the operator gave
	at              int      // in list, of the one to dial in turn
	backoff, follow backoff  // while nobody answers, and while some coordinator does
	failures        int      // since a Welcome
	redirects       int      // followed in a row
	hopeful         int      // failures for which follow counts
}

func newSearch(o SessionClientOptions) *search {
	return &search{
		address: o.Coordinators[0], list: slices.Clone(o.Coordinators), given: len(o.Coordinators),
		backoff: backoff{first: o.BackoffFirst, most: o.BackoffMost, random: o.Random},
		follow:  backoff{first: min(o.BackoffFirst, o.BackoffLeader), most: o.BackoffLeader, random: o.Random},
	}
}

// next takes what became of the session with the address, and sets the address to
// dial next: at once if it follows to the leader, else after a wait. good tells
// that the coordinator took the shard in, which it does only if it leads.
func (s *search) next(good bool, err error) (wait time.Duration, follows bool) {
	leader, elsewhere := wire.Leader(err)
	if good {
		s.remember(s.address)
		s.at = max(slices.Index(s.list, s.address), 0)
		s.failures, s.redirects, s.hopeful = 0, 0, 0
	}
	if elsewhere {
		s.hopeful = len(s.list) + 1
	}
	if leader != "" && leader != s.address && s.redirects < mostRedirects {
		s.redirects++
		s.address = leader
		s.remember(leader) // it may lead only in a moment
		return 0, true
	}
	if !good || elsewhere || errors.Is(err, ErrSilent) {
		s.at++
	}
	s.redirects = 0
	s.address = s.list[s.at%len(s.list)]
	return s.pause(good), false
}

// pause gives the wait before the next address in turn.
func (s *search) pause(good bool) time.Duration {
	rounds := s.failures / len(s.list)
	if !good {
		s.failures++
	}
	if s.hopeful > 0 {
		s.hopeful--
		return s.follow.after(rounds)
	}
	return s.backoff.after(rounds)
}

// others gives the coordinators that are known beside the one at the address.
func (s *search) others() []string {
	return slices.DeleteFunc(slices.Clone(s.list), func(address string) bool { return address == s.address })
}

// learn takes the members that a leader told of, and forgets the others that were
// found. Those that the operator named stay. The only member there is has the session,
// at an address that works: the one that it knows itself by would make it look like
// two, of which one is silent when the other is. It reports whether anything is new.
func (s *search) learn(members []string) (news bool) {
	switch len(members) {
	case 0:
		return false
	case 1:
		members = []string{s.address}
	}
	before := slices.Clone(s.list)
	s.list = s.list[:s.given]
	for _, address := range members {
		s.remember(address)
	}
	return !slices.Equal(before, s.list)
}

// remember makes a coordinator that the operator did not name one of the list, and
// forgets the one that was found first if there are too many.
func (s *search) remember(address string) {
	if slices.Contains(s.list, address) {
		return
	}
	if len(s.list) == s.given+mostFound {
		s.list = slices.Delete(s.list, s.given, s.given+1)
	}
	s.list = append(s.list, address)
}
