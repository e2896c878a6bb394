package chaos

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/proof"
	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// told is the history that the cluster told, from height 1.
func (a *audit) told() []proof.Height {
	return slices.SortedFunc(maps.Values(a.history), func(x, y proof.Height) int { return int(x.Height) - int(y.Height) })
}

// histories compares what the stopped coordinators hold as decided with what the
// cluster told, and so with each other (invariant 1), wants every height on a
// majority of them (invariant 3), and gives the coordinator that has most.
func (a *audit) histories(nodes []*cluster.Node) (newest *cluster.Node, err error) {
	var all []proof.Held
	most := -1
	for _, n := range nodes {
		held, err := proof.ReadHeld(n.Data)
		if err != nil {
			return nil, err
		}
		held.Name = n.Name
		all = append(all, held)
		if len(held.History) > most {
			newest, most = n, len(held.History)
		}
	}
	_, findings := proof.CompareHeld(a.told(), all)
	for _, f := range findings {
		err = errors.Join(err, fmt.Errorf("%s", f))
	}
	return newest, err
}
