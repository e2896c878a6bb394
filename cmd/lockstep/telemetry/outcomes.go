package telemetry

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/protocol"
)

const (
	// mostOutcomes bounds the outcomes that are told apart: a machine may have any
	// number of them.
	mostOutcomes = 32
	otherOutcome = "other"
)

// outcomes counts what became of transactions.
type outcomes struct {
	total *prometheus.CounterVec
	known []string
}

func newOutcomes() *outcomes {
	known := []string{protocol.OutcomeApplied, protocol.OutcomeInvalid}
	return &outcomes{
		total: counters("transactions_total", "Transactions of the blocks that were decided, by outcome.", "outcome", append(known, otherOutcome)...),
		known: known,
	}
}

func (o *outcomes) add(of protocol.Outcomes) {
	for name, n := range of.Counts() {
		o.total.WithLabelValues(o.label(name)).Add(float64(n))
	}
}

// label gives the name as long as there are not too many. A shard may have made up
// any bytes, and a label that is not UTF-8 would be a panic.
func (o *outcomes) label(name string) string {
	if !cli.IsText(name) {
		return otherOutcome
	}
	if slices.Contains(o.known, name) {
		return name
	}
	if len(o.known) == mostOutcomes {
		return otherOutcome
	}
	o.known = append(o.known, name)
	return name
}
