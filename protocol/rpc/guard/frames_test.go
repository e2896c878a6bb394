package guard_test

import (
	"bytes"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/lockstep-exec/lockstep/protocol/rpc/guard"
)

const checkMethod, submitMethod, getMethod = "/grpc.health.v1.Health/Check", "/lockstep.v1.CoordinatorService/SubmitBlock", "/lockstep.v1.CoordinatorService/Get"

// Floods of frames that bring nothing end their connection; as many as are allowed do
// not.
func TestFloods(t *testing.T) {
	for name, flood := range map[string]struct {
		reason guard.Reason
		frame  func(a *attacker) error
	}{
		"settings": {guard.Frames, func(a *attacker) error { return a.WriteSettings() }},
		"pings":    {guard.Frames, func(a *attacker) error { return a.WriteRawFrame(0x6, 0, 0, make([]byte, 8)) }},
		"credit":   {guard.Frames, func(a *attacker) error { return a.WriteWindowUpdate(0, 1) }},
		"priority": {guard.Frames, func(a *attacker) error { return a.WritePriority(1, http2.PriorityParam{StreamDep: 3}) }},
		"unknown":  {guard.Frames, func(a *attacker) error { return a.WriteRawFrame(0xbe, 0, 0, []byte("?")) }},
		"nothing":  {guard.Frames, func(a *attacker) error { return a.WriteData(1, false, nil) }},
		"crumbs":   {guard.Frames, func(a *attacker) error { return a.WriteData(1, false, []byte{0}) }},
		"padding":  {guard.Frames, func(a *attacker) error { return a.WriteDataPadded(1, false, nil, make([]byte, 100)) }},
		"answers":  {guard.Frames, func(a *attacker) error { return a.WriteSettingsAck() }},
		"echoes":   {guard.Frames, func(a *attacker) error { return a.WritePing(true, [8]byte{}) }},
		"endings":  {guard.Frames, func(a *attacker) error { return a.WriteData(999, true, []byte{0}) }},
		"faults": {guard.Resets, func(a *attacker) error { // the server takes the call back
			stream, err := a.call(submitMethod)
			if err != nil {
				return err
			}
			return a.WriteWindowUpdate(stream, 1<<31-1)
		}},
		"resets": {guard.Resets, func(a *attacker) error {
			stream, err := a.call(submitMethod)
			if err != nil {
				return err
			}
			return a.WriteRSTStream(stream, http2.ErrCodeCancel)
		}},
		"calls": {guard.Resets, func(a *attacker) error {
			_, err := a.call(submitMethod)
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const most = 100
			// The first settings count too, and the call is good for three.
			p := serve(t, guard.Limits{FramesAtOnce: most, FramesPerSecond: 1, ResetsAtOnce: most, ResetsPerSecond: 1})
			begin := func() (*attacker, <-chan struct{}) {
				a := p.attack()
				if _, err := a.call(submitMethod); err != nil {
					t.Fatal(err)
				}
				return a, a.drain()
			}
			a, ended := begin()
			if name != "pings" { // gRPC itself allows fewer
				for range most {
					if err := flood.frame(a); err != nil {
						t.Fatal("at the limit:", err)
					}
				}
			}
			p.works(p.client("127.0.0.1"))
			if n := p.refusals.Counts()[flood.reason]; n != 0 {
				t.Errorf("%d were refused at the limit", n)
			}
			for range 100_000 {
				if flood.frame(a) != nil {
					break
				}
			}
			ends(t, ended)
			if name != "pings" {
				p.awaitRefusals(flood.reason, 1)
			}
			p.works(p.client("127.0.0.1"))
		})
	}
}

// Headers without end do not pile up.
func TestHeadersWithoutEnd(t *testing.T) {
	p := serve(t, guard.Limits{})
	before := heap()
	for range 10 {
		a := p.attack()
		ended := a.drain()
		fragment := bytes.Repeat(head(checkMethod, hpack.HeaderField{Name: "x", Value: string(make([]byte, 1000))}), 10)
		err := a.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: fragment})
		for range 100_000 {
			if err != nil {
				break
			}
			err = a.WriteContinuation(1, false, fragment)
		}
		ends(t, ended)
	}
	p.works(p.client("127.0.0.1"))
	bounded(t, before, 8<<20)
}
