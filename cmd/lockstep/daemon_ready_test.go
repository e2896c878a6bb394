package main

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/serve"
)

// fit is a daemon that always says that it is ready.
type fit struct{}

func (fit) Register(grpc.ServiceRegistrar) {}
func (fit) Run(context.Context) error      { return nil }
func (fit) Close() error                   { return nil }
func (fit) Ready() error                   { return nil }

// A daemon whose loop stands still says so, whatever it said of itself last: first
// that it cannot do its work, and in the end that nothing but a restart helps.
func TestALoopThatStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := host{daemon: fit{}, pulse: &serve.Pulse{}}
		want := func(when string, ready, live bool) {
			t.Helper()
			for what, probe := range map[string]struct {
				err  error
				want bool
			}{"ready": {h.ready(), ready}, "live": {h.live(), live}} {
				if (probe.err == nil) != probe.want || probe.err != nil && !strings.Contains(probe.err.Error(), "busy with one step for") {
					t.Errorf("%s, %s: %v", when, what, probe.err)
				}
			}
		}
		time.Sleep(time.Hour)
		want("nothing to do for an hour", true, true)
		h.pulse.Begin()
		time.Sleep(unreadyAfter)
		want("at first", true, true)
		time.Sleep(time.Second)
		want("after a moment", false, true)
		time.Sleep(stuckAfter)
		want("in the end", false, false)
		h.pulse.End()
		want("when it goes on", true, true)
	})
}
