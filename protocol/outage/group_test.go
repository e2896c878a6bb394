package outage_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lockstep-exec/lockstep/protocol/outage"
)

func TestGroupTellsTroublesApart(t *testing.T) {
	s := newStage()
	g := outage.NewGroup(s.logger(hclog.Info), s.now)
	g.Of("a").Warn("a is away")
	g.Of("b").Warn("b is away")
	g.Of("a").Warn("a is away")
	g.Over("b", "b is back")
	g.Over("c", "c is back")
	equal(t, s.take(),
		"[WARN]  a is away: for=0s failures=1",
		"[WARN]  b is away: for=0s failures=1",
		"[INFO]  b is back: lasted=0s failures=1 left_out=0")
}

// Whoever makes up names all the time costs neither memory nor what is known of
// those that are met again and again.
func TestGroupIsBounded(t *testing.T) {
	s := newStage()
	g := outage.NewGroup(s.logger(hclog.Info), s.now)
	for i := range 10000 {
		s.at = s.at.Add(time.Microsecond)
		g.Of(fmt.Sprint(i)).Warn("made up")
		g.Of("known").Warn("known")
	}
	s.take()
	g.Over("known", "known is over")
	equal(t, s.take(), "[INFO]  known is over: lasted=10ms failures=10000 left_out=9999")
	g.Over("0", "was forgotten")
	equal(t, s.take())
	g.Over("9999", "is remembered")
	equal(t, s.take(), "[INFO]  is remembered: lasted=0s failures=1 left_out=0")
}
