package report

import (
	"testing"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Outcomes that do not fit the transactions are an error, not a panic.
func TestOutcomesThatDoNotFit(t *testing.T) {
	for _, o := range []*wirepb.Outcomes{
		nil,
		{Names: []string{"applied"}, Codes: []byte{1}},
		{Names: []string{"applied"}, Codes: []byte{1, 0}},
		{Names: []string{"applied"}, Codes: []byte{1, 2}},
	} {
		if got, err := OutcomesOf(&wirepb.Block{Key: "b", Outcomes: o}, make([]string, 2)); err == nil {
			t.Errorf("%v gives %v", o, got)
		}
	}
}
