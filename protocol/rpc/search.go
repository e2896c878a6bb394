package rpc

import (
	"slices"
	"time"

	"github.com/lockstep-exec/lockstep/protocol/wire"
)

// mostRedirects is how often in a row a shard goes where a coordinator sends it
// without a pause. Two coordinators that each take the other for the leader send
// it to and fro.
const mostRedirects = 2

// search chooses which coordinator a shard dials next, and what it waits before.
type search struct {
	address string // to dial now

	list            []string // given by the operator, then the leader found beside it
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
		s.failures, s.redirects, s.hopeful = 0, 0, 0
	}
	if elsewhere {
		s.hopeful = len(s.list) + 1
	}
	if leader != "" && leader != s.address && s.redirects < mostRedirects {
		s.redirects++
		s.address = leader
		return 0, true
	}
	if !good || elsewhere {
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

// remember makes a leader that the operator did not name one of the list, in the
// place of the one before it.
func (s *search) remember(leader string) {
	if i := slices.Index(s.list, leader); i >= 0 {
		s.at = i
		return
	}
	s.list = append(s.list[:s.given], leader)
	s.at = s.given
}
