package rpc

import (
	"fmt"
	"slices"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol/wire"
)

func TestLearnedCoordinatorsStandBehindTheGivenOnes(t *testing.T) {
	s := newSearch(SessionClientOptions{Coordinators: []string{"c1:1", "c2:1"}})
	s.remember("x:1")
	for _, c := range []struct {
		members, want []string
	}{
		{[]string{"c2:1", "c4:1"}, []string{"c1:1", "c2:1", "c4:1"}},
		{[]string{"c5:1", "c4:1", "c6:1"}, []string{"c1:1", "c2:1", "c5:1", "c4:1", "c6:1"}},
		{nil, []string{"c1:1", "c2:1", "c5:1", "c4:1", "c6:1"}}, // it does not say
		{[]string{"c6:1"}, []string{"c1:1", "c2:1"}},            // c1, by another address
	} {
		if s.learn(c.members); !slices.Equal(s.list, c.want) {
			t.Errorf("after %v: %v, want %v", c.members, s.list, c.want)
		}
	}
	s.address = "c6:1"
	if s.learn([]string{"c6:1"}); !slices.Equal(s.list, []string{"c1:1", "c2:1", "c6:1"}) {
		t.Errorf("the only one is forgotten: %v", s.list)
	}
	var many []string
	for i := range 3 * wire.MaxCoordinators {
		many = append(many, fmt.Sprintf("m%d:1", i))
	}
	if s.learn(many); len(s.list) != 2+mostFound || s.list[0] != "c1:1" {
		t.Errorf("%d are remembered: %v", len(s.list), s.list)
	}
}

// A coordinator that fell silent is not the one that is dialled next.
func TestTheNextAfterSilence(t *testing.T) {
	s := newSearch(SessionClientOptions{Coordinators: []string{"c1:1", "c2:1"}, SessionOptions: SessionOptions{Random: func() float64 { return 0 }}})
	if s.next(true, fmt.Errorf("%w for 2s", ErrSilent)); s.address != "c2:1" {
		t.Errorf("dials %s after silence", s.address)
	}
	if s.next(true, ErrLeft); s.address != "c2:1" {
		t.Errorf("dials %s after a session that the other side has ended", s.address)
	}
}
