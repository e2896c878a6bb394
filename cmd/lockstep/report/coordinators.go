package report

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Coordinator is the JSON of one coordinator's status.
type Coordinator struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	Role    string `json:"role"`  // leader, follower, candidate, learner, waiting, removed or unknown
	State   string `json:"state"` // ready, catching_up, unreachable, refused, outside or unknown
	Reason  string `json:"reason"`
	Term    uint64 `json:"term"`
	Last    uint64 `json:"last_index"`
	Applied uint64 `json:"applied_index"`
	Behind  uint64 `json:"behind"` // entries
	// ContactMs is how long ago it and the leader heard of each other; absent if
	// they have not, and for the leader.
	ContactMs *uint64 `json:"contact_ms,omitempty"`
	Directory string  `json:"directory,omitempty"`
	// ShortOfSpace is why it would take up no block if it led; "" if it would.
	ShortOfSpace string `json:"short_of_space,omitempty"`
	// SentBytes is what the leader has sent to it.
	SentBytes uint64 `json:"sent_bytes,omitempty"`
}

// CoordinatorsOf gives the members of a cluster their JSON shape; none if there is
// only one, since then there is nothing to tell.
func CoordinatorsOf(members []*wirepb.CoordinatorStatus) []Coordinator {
	if len(members) < 2 {
		return nil
	}
	return MembersOf(members)
}

// MembersOf gives the members of a cluster their JSON shape.
func MembersOf(members []*wirepb.CoordinatorStatus) []Coordinator {
	all := make([]Coordinator, len(members))
	for i, m := range members {
		all[i] = Coordinator{
			Name: m.GetName(), Address: m.GetAddress(), Reason: m.GetReason(), Term: m.GetTerm(), Last: m.GetLastIndex(),
			Role: word(m.GetRole().String(), "COORDINATOR_ROLE_"), State: word(m.GetState().String(), "COORDINATOR_STATE_"),
			Applied: m.GetAppliedIndex(), Behind: m.GetBehind(), ContactMs: m.ContactMs, Directory: hex.EncodeToString(m.GetDirectory()),
			ShortOfSpace: m.GetShortOfSpace(), SentBytes: m.GetSentBytes(),
		}
	}
	return all
}

// word is the name of an enumeration's value without its prefix, in small letters.
func word(name, prefix string) string {
	if name = strings.TrimPrefix(name, prefix); name == "UNSPECIFIED" {
		return "unknown"
	}
	return strings.ToLower(name)
}

// Coordinators are the members of a cluster.
type Coordinators []Coordinator

// Write prints them for people, and below them what is wrong with which.
func (all Coordinators) Write(out *strings.Builder) {
	t := NewTable("coordinator", "role", "state", ">term", ">behind", ">contact", "address")
	for _, c := range all {
		behind := "-"
		if c.Role != "leader" {
			behind = Count(c.Behind)
		}
		t.Row(Printable(c.Name), c.Role, Phrase(c.State), Count(c.Term), behind, c.contactCell(), OrDash(c.Address))
	}
	t.WriteTo(out)
	first := true
	for _, c := range all {
		if c.Reason == "" {
			continue
		}
		if first {
			out.WriteByte('\n')
			first = false
		}
		fmt.Fprintf(out, "%s: %s\n", Printable(c.Name), Printable(c.Reason))
	}
}

func (c Coordinator) contactCell() string {
	if c.ContactMs == nil {
		return "-"
	}
	return Duration(time.Duration(*c.ContactMs) * time.Millisecond)
}
