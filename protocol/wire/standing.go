package wire

import (
	"net"
	"slices"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

const (
	// MaxCoordinators bounds the coordinators that one names.
	MaxCoordinators = 16
	// MaxCoordinatorBytes bounds the address of one, in bytes.
	MaxCoordinatorBytes = 256
)

// Standing is what a coordinator says of itself and the others.
type Standing struct {
	// Term of the group that it is in; a leader that another one names in a newer
	// term was deposed, whatever it says.
	Term uint64
	// Leads: it is the leader.
	Leads bool
	// Leader is the address of the leader; "" if none is known.
	Leader string
	// Coordinators are the addresses of the members, without repetitions; none if
	// it does not say.
	Coordinators []string
}

// ParseStanding reads the answer to Here. An error wraps ErrMalformed or
// ErrTooLarge.
func ParseStanding(in *wirepb.HereResponse) (Standing, error) {
	s := Standing{Term: in.GetSelf().GetTerm(), Leads: in.GetSelf().GetRole() == wirepb.CoordinatorRole_COORDINATOR_ROLE_LEADER}
	if leader := in.GetLeaderAddress(); leader != "" {
		if err := coordinatorIn(leader); err != nil {
			return Standing{}, err
		}
		s.Leader = leader
	}
	if n := len(in.GetCoordinators()); n > MaxCoordinators {
		return Standing{}, tooLarge("%d coordinators, at most %d allowed", n, MaxCoordinators)
	}
	for _, address := range in.GetCoordinators() {
		if err := coordinatorIn(address); err != nil {
			return Standing{}, err
		}
		if !slices.Contains(s.Coordinators, address) {
			s.Coordinators = append(s.Coordinators, address)
		}
	}
	return s, nil
}

func coordinatorIn(address string) error {
	if len(address) > MaxCoordinatorBytes {
		return tooLarge("address of %d bytes, at most %d allowed", len(address), MaxCoordinatorBytes)
	}
	if _, err := addressIn(address); err != nil {
		return err
	}
	if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
		return malformed("address %q: want HOST:PORT", address)
	}
	return nil
}

// Coordinators gives those of the addresses that ParseStanding takes, as many as
// it does.
func Coordinators(addresses []string) []string {
	var fit []string
	for _, address := range addresses {
		if len(fit) < MaxCoordinators && coordinatorIn(address) == nil && !slices.Contains(fit, address) {
			fit = append(fit, address)
		}
	}
	return fit
}
