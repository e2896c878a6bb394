package replica

import (
	"testing"

	"github.com/hashicorp/raft"
)

// One that reads the log from its beginning is not in the lists of members of old: that
// does not mean that it was removed.
func TestRoleAmong(t *testing.T) {
	others := []raft.Server{{ID: "c1"}, {ID: "c2", Suffrage: raft.Nonvoter}}
	for _, test := range []struct {
		what     string
		name     string
		servers  []raft.Server
		enrolled bool
		want     Role
	}{
		{"empty", "c3", nil, false, RoleWaiting},
		{"a voter", "c1", others, true, RoleFollower},
		{"a learner", "c2", others, true, RoleLearner},
		{"a learner before it is enrolled", "c2", others, false, RoleLearner},
		{"on its way through the log", "c3", others, false, RoleWaiting},
		{"removed", "c3", others, true, RoleRemoved},
	} {
		if got := roleAmong(test.name, test.servers, test.enrolled); got != test.want {
			t.Errorf("%s: %s, want %s", test.what, got, test.want)
		}
	}
}
