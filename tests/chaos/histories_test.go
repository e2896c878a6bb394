package chaos

import (
	"fmt"
	"reflect"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// histories compares what the stopped coordinators hold as decided, each with the
// first that has the height (invariant 1) and with the history that the cluster
// told, and gives the coordinator that holds most.
func (a *audit) histories(nodes []*cluster.Node) (newest *cluster.Node, err error) {
	told := make(map[uint64]string, len(a.history))
	for _, h := range a.history {
		told[h.Height] = h.Key
	}
	first := map[protocol.Height]*protocol.Decision{}
	most := protocol.Height(0)
	for _, n := range nodes {
		height, err := a.compareHistory(n, first, told)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n.Name, err)
		}
		if newest == nil || height > most {
			newest, most = n, height
		}
	}
	if uint64(most) != a.at {
		return nil, fmt.Errorf("the newest history of a coordinator ends at height %d, the cluster told %d heights", most, a.at)
	}
	return newest, nil
}

func (a *audit) compareHistory(n *cluster.Node, first map[protocol.Height]*protocol.Decision, told map[uint64]string) (protocol.Height, error) {
	h, err := history.OpenReadOnly(n.Data)
	if err != nil {
		return 0, err
	}
	defer h.Close()
	for height := protocol.Height(1); height <= h.Height(); height++ {
		d, ok, err := h.ByHeight(height)
		if err != nil || !ok {
			return 0, fmt.Errorf("height %d is there: %v, error %w", height, ok, err)
		}
		if err := sameAs(first, told, d); err != nil {
			return 0, err
		}
	}
	return h.Height(), nil
}

// sameAs compares a decision with the one that another coordinator has there.
func sameAs(first map[protocol.Height]*protocol.Decision, told map[uint64]string, d *protocol.Decision) error {
	height := d.Height()
	if key := told[uint64(height)]; key != d.Key {
		return fmt.Errorf("height %d is block %q, the cluster told block %q", height, d.Key, key)
	}
	before, ok := first[height]
	if !ok {
		first[height] = d
		return nil
	}
	if !reflect.DeepEqual(before, d) {
		return fmt.Errorf("height %d is decided as %+v, another coordinator has %+v", height, d, before)
	}
	return nil
}
