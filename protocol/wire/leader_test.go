package wire_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol/wire"
)

func TestNotLeaderTellsOfTheMembers(t *testing.T) {
	err := wire.NotLeader("c2:7400", "c1 does not lead", "c1:7400", "no address", "c2:7400", "c1:7400", longest)
	if leader, is := wire.Leader(err); leader != "c2:7400" || !is || wire.IsNotMember(err) {
		t.Errorf("leader %q, %v", leader, is)
	}
	if got, want := wire.Members(err), []string{"c1:7400", "c2:7400", longest}; !slices.Equal(got, want) {
		t.Errorf("members %q, want %q", got, want)
	}
	many := wire.Members(wire.NotLeader("", "c1 does not lead", manyCoordinators(wire.MaxCoordinators+1)...))
	if len(many) != wire.MaxCoordinators {
		t.Errorf("%d members are told of, at most %d allowed", len(many), wire.MaxCoordinators)
	}
	for _, err := range []error{nil, errors.New("no"), wire.NotLeader("c2:7400", "c1 does not lead"), wire.NotMember("c1 was removed")} {
		if got := wire.Members(err); got != nil {
			t.Errorf("%v tells of %q", err, got)
		}
	}
	if text := wire.NotLeader("", "c1 does not lead", manyCoordinators(3)...).Error(); strings.Contains(text, "10.0.0.1") {
		t.Errorf("people are told of the members: %s", text)
	}
}
