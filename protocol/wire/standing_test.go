package wire_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

func here(leader string, coordinators ...string) *wirepb.HereResponse {
	return &wirepb.HereResponse{
		Self:          &wirepb.CoordinatorStatus{Role: wirepb.CoordinatorRole_COORDINATOR_ROLE_LEADER, Term: 7},
		LeaderAddress: leader, Coordinators: coordinators,
	}
}

func manyCoordinators(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("10.0.0.%d:7400", i))
	}
	return all
}

// longest is an address that is just not too long.
var longest = strings.Repeat("h", wire.MaxCoordinatorBytes-len(":7400")) + ":7400"

func TestParseStanding(t *testing.T) {
	got, err := wire.ParseStanding(here("c1:7400", "c1:7400", "[::1]:7400", "c1:7400", longest))
	want := wire.Standing{Term: 7, Leads: true, Leader: "c1:7400", Coordinators: []string{"c1:7400", "[::1]:7400", longest}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if got, err := wire.ParseStanding(&wirepb.HereResponse{}); err != nil || !reflect.DeepEqual(got, wire.Standing{}) {
		t.Errorf("of one that knows nothing: %+v, %v", got, err)
	}
	if _, err := wire.ParseStanding(here("", manyCoordinators(wire.MaxCoordinators)...)); err != nil {
		t.Errorf("as many as are allowed: %v", err)
	}
}

func TestParseStandingRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		in   *wirepb.HereResponse
		want error
	}{
		"too many":         {here("", manyCoordinators(wire.MaxCoordinators+1)...), wire.ErrTooLarge},
		"long":             {here("", "h"+longest), wire.ErrTooLarge},
		"long leader":      {here("h" + longest), wire.ErrTooLarge},
		"empty":            {here("", ""), wire.ErrMalformed},
		"without a port":   {here("", "10.0.0.1"), wire.ErrMalformed},
		"with a bare port": {here("", "10.0.0.1:"), wire.ErrMalformed},
		"not to be shown":  {here("", "c\n1:7400"), wire.ErrMalformed},
		"leader":           {here("somewhere"), wire.ErrMalformed},
	} {
		if got, err := wire.ParseStanding(c.in); !errors.Is(err, c.want) || !reflect.DeepEqual(got, wire.Standing{}) {
			t.Errorf("%s: %+v, %v, want %v", name, got, err, c.want)
		}
	}
}

// What Coordinators gives can be told, whatever it was given.
func TestCoordinatorsFit(t *testing.T) {
	many := append([]string{"", "nowhere", "h" + longest, "c1:7400", "c1:7400"}, manyCoordinators(20)...)
	got := wire.Coordinators(many)
	if len(got) != wire.MaxCoordinators || got[0] != "c1:7400" || got[1] != "10.0.0.0:7400" {
		t.Errorf("got %q", got)
	}
	if s, err := wire.ParseStanding(here("", got...)); err != nil || !reflect.DeepEqual(s.Coordinators, got) {
		t.Errorf("told: %+v, %v", s, err)
	}
}

// FuzzParseStanding: an answer is refused with one of two errors, or names
// coordinators within the bounds that can be told on.
func FuzzParseStanding(ff *testing.F) {
	f := fuzz.New(ff)
	for _, in := range []*wirepb.HereResponse{here("c1:7400", "c1:7400", longest), here("x", "\x00:1"), {}} {
		data, err := proto.Marshal(in)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Bound(1<<10, 1<<17)
	f.Fuzz(func(t testing.TB, data []byte) {
		var in wirepb.HereResponse
		if proto.Unmarshal(data, &in) != nil {
			return
		}
		s, err := wire.ParseStanding(&in)
		if err != nil {
			if !errors.Is(err, wire.ErrMalformed) && !errors.Is(err, wire.ErrTooLarge) {
				t.Fatalf("an error of no kind: %v", err)
			}
			return
		}
		if len(s.Leader) > wire.MaxCoordinatorBytes || !reflect.DeepEqual(wire.Coordinators(s.Coordinators), s.Coordinators) {
			t.Fatalf("accepted %+v", s)
		}
	})
}

func TestNotLeaderAndNotMember(t *testing.T) {
	for name, c := range map[string]struct {
		err                  error
		leader               string
		notLeader, notMember bool
	}{
		"one that knows":  {wire.NotLeader("c1:7400", "c2 does not lead"), "c1:7400", true, false},
		"one that waits":  {wire.NotLeader("", "c2 does not lead"), "", true, false},
		"one outside":     {wire.NotMember("c2 was removed"), "", true, true},
		"something else":  {errors.New("c2 was removed"), "", false, false},
		"no error at all": {nil, "", false, false},
	} {
		leader, notLeader := wire.Leader(c.err)
		if leader != c.leader || notLeader != c.notLeader || wire.IsNotMember(c.err) != c.notMember {
			t.Errorf("%s: leader %q, %v, no member %v", name, leader, notLeader, wire.IsNotMember(c.err))
		}
	}
}
