package main

import (
	"fmt"
	"math"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

// cost is the processor time of a transaction, in µs, in a cluster where a share
// of them is across shards.
type cost struct {
	across      float64 // 0 to 1
	coordinator float64
	shards      float64 // all together
}

const (
	wanted      = 1_000_000 // transactions a second
	machineSize = 2         // cores
)

// line is shards = fixed + across·slope: a transaction across shards is executed
// on both and exchanged, else it costs the same however many shards there are.
type line struct{ fixed, slope float64 }

// fit gives the line by least squares; level if all shares are the same.
func fit(costs []cost) line {
	var n, x, y, xx, xy float64
	for _, c := range costs {
		n, x, y, xx, xy = n+1, x+c.across, y+c.shards, xx+c.across*c.across, xy+c.across*c.shards
	}
	spread := n*xx - x*x
	if spread < 1e-9 {
		return line{fixed: y / max(n, 1)}
	}
	slope := (n*xy - x*y) / spread
	return line{fixed: (y - slope*x) / n, slope: slope}
}

// machinesFor gives how many machines of a shard each are busy with so many
// transactions a second of uniform keys: 1-1/n of them are across n shards.
func (l line) machinesFor(tps float64) int {
	n := 1
	for {
		across := 1 - 1/float64(n)
		needed := int(math.Ceil(tps * (l.fixed + l.slope*across) / 1e6 / machineSize))
		if needed <= n {
			return n
		}
		n = needed
	}
}

// modelOf says what so many a second would take, on paper.
func modelOf(costs []cost) string {
	if len(costs) == 0 {
		return "Nothing was measured, so there is no model."
	}
	l, dearest := fit(costs), 0.0
	for _, c := range costs {
		dearest = max(dearest, c.coordinator)
	}
	limit := machineSize * 1e6 / max(dearest, 1e-9)
	text := fmt.Sprintf("On paper: a transfer costs all shards together %s µs + %s µs × the share across shards, so %s a second of uniform keys keep %d machines of %d cores busy, a shard on each. ",
		three(l.fixed), three(l.slope), report.Count(wanted), l.machinesFor(wanted), machineSize)
	text += fmt.Sprintf("The coordinator takes up to %s µs, which on such a machine is %s a second at most", three(dearest), report.Count(int(limit)))
	if limit < wanted {
		return text + ": it is what limits first."
	}
	return text + fmt.Sprintf(": %.1f cores of it for that load.", wanted*dearest/1e6)
}
